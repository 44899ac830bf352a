import type { RetryPolicy } from '../core/retry.ts'
import type { EpochMs } from '../core/units.ts'
import type { Lease } from './lease.ts'

/**
 * Batches that worker after worker died with are tried alone: of all their mappings one at a time is
 * under way in a worker, its attempt written down before it starts and its result before the next
 * one does. So when the worker dies, the one that killed it has spent an attempt, and no other has.
 */
export class Isolation {
  #taken = false

  /** Whether an isolated mapping is under way. */
  get taken(): boolean {
    return this.#taken
  }

  enter(): void {
    this.#taken = true
  }

  leave(): void {
    this.#taken = false
  }
}

/** In a batch that keeps killing its workers, a mapping that has spent its attempts is the cause. */
export function condemn(lease: Lease, { attempts }: RetryPolicy, now: EpochMs): void {
  for (let position = 0; position < lease.size; position++) {
    if (lease.attempts(position) < attempts || !lease.isDue(position)) continue
    lease.condemn(position, POISONED, now)
  }
}

const POISONED = {
  code: 'poisoned',
  message: 'Each time this mapping was tried, the worker that tried it died.',
  stage: 'write',
  httpStatus: null,
} as const
