import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import { othersFirst } from '../lib/others-first.ts'
import type { RequestStatus } from './status.ts'

/** From one look to the next: at least, and at most so long, while nothing changes. */
const PAUSE_MS = { least: 250, most: 1000 } as const

/** So many are told before whatever else waits may go on. */
const TOLD_AT_ONCE = 100

/** Where a request stood when it was looked at. */
export interface Snapshot {
  readonly status: RequestStatus
  /** The status in JSON. */
  readonly text: string
  /** Nothing of it will ever change. */
  readonly isFinal: boolean
}

export interface Listener {
  /** It has changed. After a final one, nothing more is told. */
  told(snapshot: Snapshot): void
  /** Nothing more will be told: this instance is about to stop, or the request was deleted. */
  ended(): void
}

/** Looks at one request, for all who want to know how it goes on. */
export class Watch {
  readonly #look: () => Promise<RequestStatus | null>
  readonly #clock: Clock
  readonly #idle: () => void
  readonly #listeners = new Set<Listener>()
  #latest: Snapshot | null
  #lookedAt: EpochMs
  #looking: Promise<Snapshot | null> | null = null
  #pause: DurationMs = PAUSE_MS.least
  #cancel: Cancel | null = null

  /** @param idle called when nobody wants to know any more */
  constructor(
    look: () => Promise<RequestStatus | null>,
    clock: Clock,
    seen: Snapshot | null,
    idle: () => void,
  ) {
    this.#look = look
    this.#clock = clock
    this.#idle = idle
    this.#latest = seen
    this.#lookedAt = seen === null ? Number.NEGATIVE_INFINITY : clock.now()
  }

  /** Where it stands, or stood 250 ms ago at most; null where there is no such request. */
  async now(): Promise<Snapshot | null> {
    if (this.#clock.now() - this.#lookedAt < PAUSE_MS.least) return this.#latest
    this.#looking ??= this.#lookOnce()
    return this.#looking
  }

  /** Tells how it goes on from a snapshot, if need be at once. The answer undoes it. */
  add(seen: Snapshot, listener: Listener): Cancel {
    this.#listeners.add(listener)
    if (this.#latest !== null && this.#latest !== seen) this.#tell(listener)
    this.#goOn()
    return () => {
      this.#listeners.delete(listener)
      this.#goOn()
    }
  }

  /** Looks at once, and again if a look is under way: it may have come too soon. */
  hurry(): void {
    const again = () => {
      this.#lookedAt = Number.NEGATIVE_INFINITY
      this.now().catch(() => {})
    }
    if (this.#looking === null) again()
    else this.#looking.then(again, again)
  }

  /** Tells all who listen that nothing more is told. */
  end(): void {
    for (const listener of this.#listeners) listener.ended()
    this.#listeners.clear()
    this.#goOn()
  }

  async #lookOnce(): Promise<Snapshot | null> {
    const lookedAt = this.#clock.now()
    try {
      const status = await this.#look()
      this.#lookedAt = lookedAt
      await this.#take(status === null ? null : snapshotOf(status))
      return this.#latest
    } finally {
      this.#looking = null
      this.#goOn()
    }
  }

  async #take(snapshot: Snapshot | null): Promise<void> {
    const hasChanged = snapshot === null || differs(snapshot, this.#latest)
    this.#pause = hasChanged ? PAUSE_MS.least : Math.min(PAUSE_MS.most, 2 * this.#pause)
    if (!hasChanged) return
    this.#latest = snapshot
    for (const [place, listener] of [...this.#listeners].entries()) {
      if (place % TOLD_AT_ONCE === TOLD_AT_ONCE - 1) await othersFirst()
      if (this.#listeners.has(listener)) this.#tell(listener)
    }
  }

  #tell(listener: Listener): void {
    const snapshot = this.#latest
    if (snapshot === null || snapshot.isFinal) this.#listeners.delete(listener)
    if (snapshot === null) listener.ended()
    else listener.told(snapshot)
  }

  /** Sees to the next look, if somebody waits for it. */
  #goOn(): void {
    if (this.#listeners.size === 0) {
      this.#cancel?.()
      this.#cancel = null
      if (this.#looking === null) this.#idle()
    } else {
      this.#cancel ??= this.#clock.after(this.#pause, () => {
        this.#cancel = null
        // What the store could not tell this time, it will the next.
        this.now().then(
          () => this.#goOn(),
          () => {},
        )
      })
    }
  }
}

function snapshotOf(status: RequestStatus): Snapshot {
  const text = JSON.stringify(status)
  return { status, text, isFinal: status.finished_at !== null }
}

/** The estimate of the time left changes with every look, and is no news by itself. */
function differs({ status }: Snapshot, before: Snapshot | null): boolean {
  return before === null || withoutEstimate(status) !== withoutEstimate(before.status)
}

function withoutEstimate(status: RequestStatus): string {
  return JSON.stringify({ ...status, eta_seconds: null })
}
