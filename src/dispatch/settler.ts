import type { Request } from '../core/request.ts'
import type { DurationMs } from '../core/units.ts'
import { type Clock, sleep } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import type { DispatchStore, Settlement } from '../store/store.ts'
import { whileAvailable } from './or-unavailable.ts'

/**
 * From one group to the next, at least: each is a wait for the disk, wakes a thread, and takes PostgreSQL about
 * as long to plan as to carry out.
 */
const GAP_MS: DurationMs = 20
/** And so much longer while more is under way, which then comes along. */
const BUSY_MS: DurationMs = 20

/** How long to wait before a write that the store could not take is tried again. */
const RETRY_MS: { readonly first: DurationMs; readonly cap: DurationMs } = { first: 50, cap: 1000 }

interface Entry {
  readonly settlement: Settlement
  readonly resolve: () => void
}

export interface SettlerPorts {
  readonly store: Pick<DispatchStore, 'settle'>
  readonly clock: Clock
  readonly emit: Emit
  /** Whether more will be settled soon, beside what has been handed in. */
  readonly isBusy: () => boolean
  /** Told of each settlement whose batch is no longer this worker's. */
  readonly onRefused: (settlement: Settlement) => void
  /** Told of the requests that were finished; it must not reject. */
  readonly onFinished: (requests: readonly Request[]) => Promise<void>
}

/**
 * Writes settlements in the order they came, one group at a time: the first at once, and what arrives
 * while a group is on its way, or shortly after, makes the next. A store that is away is asked again
 * until it takes them; what was delivered is never dropped.
 */
export class Settler {
  readonly #ports: SettlerPorts
  #queue: Entry[] = []
  #writing: Promise<void> | null = null

  constructor(ports: SettlerPorts) {
    this.#ports = ports
  }

  /** Resolves when it is on disk, or refused. */
  write(settlement: Settlement): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#queue.push({ settlement, resolve })
    this.#writing ??= this.#writeAll()
    return promise
  }

  /** Resolves when nothing is left to write. */
  async written(): Promise<void> {
    await this.#writing
  }

  /** Forgets what was not written: it is another worker's business now. */
  drop(): void {
    for (const { resolve } of this.#queue) resolve()
    this.#queue = []
  }

  async #writeAll(): Promise<void> {
    // What this same turn adds shall come along.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const group = this.#queue
      this.#queue = []
      const next = this.#next()
      await this.#writeGroup(group.map(({ settlement }) => settlement))
      for (const { resolve } of group) resolve()
      await next
    }
    this.#writing = null
  }

  /** Resolves when it is time for the next group. */
  async #next(): Promise<void> {
    const { clock, isBusy } = this.#ports
    await sleep(clock, GAP_MS)
    if (isBusy()) await sleep(clock, BUSY_MS)
  }

  async #writeGroup(group: readonly Settlement[]): Promise<void> {
    const { clock, emit } = this.#ports
    for (let delay = RETRY_MS.first; ; delay = Math.min(RETRY_MS.cap, delay * 2)) {
      const isWritten = await whileAvailable(() => this.#settle(group), emit)
      if (isWritten) return
      await sleep(clock, delay)
    }
  }

  async #settle(group: readonly Settlement[]): Promise<void> {
    const { store, clock, onFinished } = this.#ports
    const { refused, finished } = await store.settle(group, clock.now())
    const stale = new Set(refused)
    for (const settlement of group) if (stale.has(settlement.batch)) this.#refuse(settlement)
    await onFinished(finished)
  }

  #refuse(settlement: Settlement): void {
    const { emit, onRefused } = this.#ports
    emit({ event: 'settlement_refused', batch: settlement.batch })
    onRefused(settlement)
  }
}
