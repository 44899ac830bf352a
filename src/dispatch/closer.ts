import { endOf } from '../core/request.ts'
import type { Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import { type DispatchStore, StoreUnavailable, type Work } from '../store/store.ts'
import type { Lease } from './lease.ts'

export interface CloserPorts {
  readonly store: DispatchStore
  readonly clock: Clock
  readonly emit: Emit
  /** What is in hand. */
  readonly leases: () => Iterable<Lease>
  /** Told of each of them whose request is closed. */
  readonly close: (lease: Lease) => void
}

/**
 * Knows which requests are closed, and has the store end what is open of them, piece by piece. Any
 * worker may do it for all.
 */
export class Closer {
  readonly #ports: CloserPorts
  #closing: ReadonlySet<string> = new Set()
  #busy = false
  #stopped = false

  constructor(ports: CloserPorts) {
    this.#ports = ports
  }

  /** Whether nothing more of a request may start, as far as is known. */
  isClosing(request: string): boolean {
    return this.#closing.has(request)
  }

  /** Told what there is to do. */
  heed({ closing, toClose }: Work): void {
    this.#closing = new Set(closing)
    if (closing.length > 0) this.#letGo()
    if (toClose && !this.#busy) void this.#closeAll()
  }

  stop(): void {
    this.#stopped = true
  }

  #letGo(): void {
    const { leases, close } = this.#ports
    for (const lease of [...leases()]) if (this.isClosing(lease.batch.request)) close(lease)
  }

  async #closeAll(): Promise<void> {
    const { emit } = this.#ports
    this.#busy = true
    try {
      while (!this.#stopped && (await this.#closeSome()));
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      emit({ event: 'store_unavailable', message: error.message })
    }
    this.#busy = false
  }

  /** Whether there is more to do. */
  async #closeSome(): Promise<boolean> {
    const { store, clock, emit } = this.#ports
    const { expired, finished, more } = await store.closeSome(clock.now())
    for (const { id: request, tenant } of expired) {
      emit({ event: 'request_closed', request, tenant, closing: 'expired' })
    }
    for (const request of finished) emit({ event: 'request_finished', ...endOf(request) })
    return more
  }
}
