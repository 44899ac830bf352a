import type { Result } from '../../core/results.ts'
import type { MappingState } from '../../core/verdict.ts'
import { intakeView, resultView } from './view.ts'

/** How results are written, one after another. */
export interface Form {
  /** What comes before the first. */
  readonly head: string
  /** Some results, each with the end of its line. */
  lines(results: readonly Result[]): string
}

/** One JSON object a line; those that failed as they came, with an `error`. */
export function ndjson(state: MappingState | null): Form {
  const view = state === 'failed' ? intakeView : resultView
  return {
    head: '',
    lines: (results) => results.map((result) => `${JSON.stringify(view(result))}\n`).join(''),
  }
}
