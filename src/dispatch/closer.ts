import { isCallbackName } from '../core/callback.ts'
import type { Request } from '../core/request.ts'
import type { Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import type { ClaimedBatch, DispatchStore, Work } from '../store/store.ts'
import type { Lease } from './lease.ts'
import { whileAvailable } from './or-unavailable.ts'

export interface CloserPorts {
  readonly store: DispatchStore
  readonly clock: Clock
  readonly emit: Emit
  /** What is in hand. */
  readonly leases: () => Iterable<Lease>
  /** Told of each of them whose request is closed. */
  readonly close: (lease: Lease) => void
  /** Told of the requests that were finished; it must not reject. */
  readonly onFinished: (requests: readonly Request[]) => Promise<void>
}

/**
 * Knows which requests are closed, and has the store end what is open of them, piece by piece. Any
 * worker may do it for all.
 */
export class Closer {
  readonly #ports: CloserPorts
  /** By `nameOf`. */
  #closing: ReadonlySet<string> = new Set()
  #busy = false
  #stopped = false

  constructor(ports: CloserPorts) {
    this.#ports = ports
  }

  /** Whether nothing more of a batch may start, as far as is known. */
  isClosing({ tenant, request }: ClaimedBatch): boolean {
    return this.#closing.has(nameOf(tenant, request))
  }

  /** Told what there is to do. */
  heed({ closing, toClose }: Work): void {
    this.#closing = new Set(closing.map(({ tenant, id }) => nameOf(tenant, id)))
    if (closing.length > 0) this.#letGo()
    if (toClose && !this.#busy) void this.#closeAll()
  }

  stop(): void {
    this.#stopped = true
  }

  #letGo(): void {
    const { leases, close } = this.#ports
    for (const lease of [...leases()]) if (this.isClosing(lease.batch)) close(lease)
  }

  async #closeAll(): Promise<void> {
    this.#busy = true
    await whileAvailable(async () => {
      while (!this.#stopped && (await this.#closeSome()));
    }, this.#ports.emit)
    this.#busy = false
  }

  /** Whether there is more to do. */
  async #closeSome(): Promise<boolean> {
    const { store, clock, emit, onFinished } = this.#ports
    const { expired, finished, more } = await store.closeSome(clock.now())
    for (const { id: request, tenant } of expired) {
      // What becomes of a callback is told at its end.
      if (isCallbackName(tenant)) continue
      emit({ event: 'request_closed', request, tenant, closing: 'expired' })
    }
    await onFinished(finished)
    return more
  }
}

/** A request and its callback have the same id. */
function nameOf(tenant: string, request: string): string {
  return `${request} ${tenant}`
}
