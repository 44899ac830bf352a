import type { DurationMs, Random } from '../core/units.ts'
import type { Deliver } from '../deliver/deliver.ts'
import type { Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import type { DispatchStore, QueryStore } from '../store/store.ts'
import type { SystemRules } from './rules.ts'

/** What a worker is given. */
export interface DispatcherPorts {
  readonly store: DispatchStore & Pick<QueryStore, 'batches'>
  readonly deliver: Deliver
  readonly rules: (system: string) => SystemRules
  readonly clock: Clock
  readonly random: Random
  readonly newId: () => string
  readonly emit: Emit
  readonly host: string
  /** How long finished requests are kept. */
  readonly retention: DurationMs
}
