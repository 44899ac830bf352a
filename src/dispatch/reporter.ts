import type { DurationMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import type { DispatchStore, NamedReport } from '../store/store.ts'
import type { Access } from './access.ts'
import { whileAvailable } from './or-unavailable.ts'

const REPORT_EVERY_MS: DurationMs = 1000

export interface ReporterPorts {
  readonly store: DispatchStore
  readonly clock: Clock
  readonly emit: Emit
}

/** Tells the store what this worker sees of the systems, once a second, where that has changed. */
export class Reporter {
  readonly #ports: ReporterPorts
  readonly #worker: () => string | null
  readonly #accesses: () => Iterable<Access>
  #next: Cancel = () => {}
  #told: string | null = null

  constructor(
    { store, clock, emit }: ReporterPorts,
    worker: () => string | null,
    accesses: () => Iterable<Access>,
  ) {
    this.#ports = { store, clock, emit }
    this.#worker = worker
    this.#accesses = accesses
  }

  start(): void {
    this.#next = this.#ports.clock.after(REPORT_EVERY_MS, () => {
      this.start()
      void this.#report()
    })
  }

  stop(): void {
    this.#next()
  }

  async #report(): Promise<void> {
    const { store, clock, emit } = this.#ports
    const worker = this.#worker()
    if (worker === null) return
    // What was told under another name is forgotten with it.
    if (worker !== this.#told) this.#untold()
    this.#told = worker
    const now = clock.now()
    const reports: NamedReport[] = []
    for (const { system, tally, limiter } of this.#accesses()) {
      const { concurrency, learnedRate } = limiter
      const callLength = limiter.callLength()
      const report = tally.news({ concurrency, learnedRate, callLength }, now)
      if (report !== null) reports.push({ system, report })
    }
    if (reports.length === 0) return
    const isTold = await whileAvailable(() => store.report(worker, reports), emit)
    if (!isTold) this.#untold()
  }

  #untold(): void {
    for (const { tally } of this.#accesses()) tally.untold()
  }
}
