import type { DurationMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Settlement } from '../store/store.ts'
import type { Lease } from './lease.ts'

/** A crash repeats about this much of a batch's calls, whatever the batch's size. */
const CHECKPOINT_EVERY_MS: DurationMs = 1000

export interface CheckpointPorts {
  readonly clock: Clock
  readonly leases: () => Iterable<Lease>
  readonly write: (settlement: Settlement) => void
  /** Called each time. */
  readonly onTick: () => void
}

/** Has what is newly known of each lease written once a second, while it goes on. */
export class Checkpoints {
  readonly #ports: CheckpointPorts
  #next: Cancel = () => {}

  constructor(ports: CheckpointPorts) {
    this.#ports = ports
  }

  start(): void {
    const { clock, leases, write, onTick } = this.#ports
    this.#next = clock.after(CHECKPOINT_EVERY_MS, () => {
      const before = clock.now() - CHECKPOINT_EVERY_MS
      for (const lease of leases()) {
        if (lease.changed && lease.since <= before) write(lease.checkpoint())
      }
      onTick()
      this.start()
    })
  }

  stop(): void {
    this.#next()
  }
}
