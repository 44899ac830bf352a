import type { DurationMs } from '../core/units.ts'
import type { ClaimedBatch, Work } from '../store/store.ts'
import { Closer, type CloserPorts } from './closer.ts'
import { Releaser } from './releaser.ts'
import { Rescuer } from './rescuer.ts'
import { Sweeper } from './sweeper.ts'

export interface UpkeepPorts extends CloserPorts {
  /** How long finished requests are kept. */
  readonly retention: DurationMs
}

/** What any worker does for all: it rescues, sweeps, releases what is due, and ends what is closed. */
export class Upkeep {
  readonly #rescuer: Rescuer
  readonly #sweeper: Sweeper
  readonly #releaser: Releaser
  readonly #closer: Closer

  constructor(ports: UpkeepPorts) {
    const { store, clock, emit, retention } = ports
    this.#rescuer = new Rescuer(store, clock, emit)
    this.#sweeper = new Sweeper(store, clock, emit, retention)
    this.#releaser = new Releaser(store, clock, emit)
    this.#closer = new Closer(ports)
  }

  start(): void {
    this.#rescuer.start()
    this.#sweeper.start()
  }

  /** Told what there is to do. */
  heed(work: Work): void {
    this.#releaser.heed(work.release)
    this.#closer.heed(work)
  }

  /** Whether nothing more of a batch may start, as far as is known. */
  isClosing(batch: ClaimedBatch): boolean {
    return this.#closer.isClosing(batch)
  }

  stop(): void {
    this.#rescuer.stop()
    this.#sweeper.stop()
    this.#releaser.stop()
    this.#closer.stop()
  }
}
