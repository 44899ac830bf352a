import type { Plan } from '../client/index.ts'
import type { Output } from './output.ts'

/** What would happen to a request, for people. */
export function planText(plan: Plan, _output: Output): string {
  return JSON.stringify(plan)
}
