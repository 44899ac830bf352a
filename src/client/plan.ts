/** What travels about a request that is only checked. */
import type { Json } from './wire.ts'

/** What would happen to a request. */
export interface Plan {
  readonly [field: string]: Json
}
