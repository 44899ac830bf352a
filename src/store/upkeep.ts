/** What is done to a store again and again, by any worker for all. A part of the port. */
import type { AuditPlace } from '../core/audit.ts'
import type { EpochMs } from '../core/units.ts'

export interface UpkeepStore {
  /**
   * Returns the batches of dead workers to `ready`. What closed requests have open, and nobody in hand, is
   * there for `closeSome` once more.
   */
  rescue(now: EpochMs): Promise<readonly Rescued[]>
  /** Checks the next open request, or a bounded part of it, and mends it where it does not add up. */
  audit(place: AuditPlace, now: EpochMs): Promise<Audited>
  /**
   * Deletes a bounded number of requests that finished before `retainedSince`: nobody sees anything of them
   * any more. Their keys are remembered for as long as any key. Forgets what says nothing any more.
   */
  deleteOld(now: EpochMs, retainedSince: EpochMs): Promise<Deleted>
  /**
   * Clears away a bounded part of what was deleted, or given up while it was received, and gives its
   * room back. True where there is more.
   */
  clear(now: EpochMs): Promise<boolean>
}

/** A worker that died, and how many batches it held. */
export interface Rescued {
  readonly worker: string
  readonly batches: number
}

export interface Audited {
  /** Where to go on; null where the round is over. */
  readonly next: AuditPlace | null
  /** The request whose counters, groups or state did not agree with its batches, and do now: a bug. */
  readonly repaired: string | null
}

export interface Deleted {
  readonly requests: number
  /** There may be more to delete, or to forget. */
  readonly more: boolean
}
