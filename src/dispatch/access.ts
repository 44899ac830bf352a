import {
  type BreakerCounts,
  type BreakerPolicy,
  counted,
  trippedAgain,
  trippedBy,
} from '../core/breaker.ts'
import type { ClosedGate, Gate } from '../core/gate.ts'
import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Step } from '../deliver/turns.ts'
import type { Limiter } from './limiter.ts'
import { Tally } from './tally.ts'

/** One system as one worker sees it: its turns, its gate, and what its answers have told. */
export class Access {
  readonly system: string
  readonly limiter: Limiter
  readonly gate = new SystemGate()
  readonly breaker: Breaker | null
  readonly tally = new Tally()
  /** Records can be read from it. */
  readonly readable: boolean

  constructor(
    system: string,
    limiter: Limiter,
    breaker: BreakerPolicy | null = null,
    readable = false,
  ) {
    this.system = system
    this.readable = readable
    this.limiter = limiter
    this.breaker = breaker === null ? null : new Breaker(breaker)
  }

  /** It says nothing that would be missed. */
  idle(now: EpochMs): boolean {
    const { limiter, gate, tally, breaker } = this
    return limiter.idle && gate.isPlain && tally.isEmpty(now) && (breaker?.isEmpty(now) ?? true)
  }
}

/** A system's gate: whether it may be called, by whatever step. */
export class SystemGate {
  /** Why it is closed; null where it is open. */
  closed: Gate = null
  /** Nothing starts before this moment. */
  closedUntil: EpochMs = 0
  /**
   * What is out to see whether it may open, a read or a batch to write; nothing else is tried until that
   * is back. Null for nothing.
   */
  probing: Step | null = null
  /** An operator wants nothing to start. */
  paused = false
  /** When this worker last learned of it from an answer. What was asked before then is old. */
  changedAt: EpochMs = Number.NEGATIVE_INFINITY

  /** Whether anything may start now: all, or a probe. */
  lets(now: EpochMs): boolean {
    return !this.paused && now >= this.closedUntil
  }

  /** Whether a read may start now, or ask to be the probe. */
  letsRead(now: EpochMs): boolean {
    return this.lets(now) && this.probing === null
  }

  get isPlain(): boolean {
    return this.closed === null && this.probing === null && !this.paused
  }
}

/** A closed gate may open sooner than it says; so often is looked. */
const PUT_OFF_MAX_MS: DurationMs = 5000

/** When to try again what a closed gate keeps from being read. */
export function putOffUntil({ paused, probing, closedUntil }: SystemGate, now: EpochMs): EpochMs {
  const latest = now + PUT_OFF_MAX_MS
  return paused || probing !== null ? latest : Math.min(latest, Math.max(now, closedUntil))
}

/** Counts the calls that fail, and says when they are too many. */
class Breaker {
  readonly #policy: BreakerPolicy
  #counts: BreakerCounts = []

  constructor(policy: BreakerPolicy) {
    this.#policy = policy
  }

  /** Nothing was counted that still counts. */
  isEmpty(now: EpochMs): boolean {
    return this.#counts.every(({ since }) => since <= now - this.#policy.window)
  }

  /** The gate that this call closes; null where it closes none. */
  hear(failed: boolean, gate: SystemGate, now: EpochMs): ClosedGate | null {
    if (gate.probing !== null)
      return failed && isTripped(gate) ? trippedAgain(this.#policy, now) : null
    // Calls that were under way when it closed say nothing new.
    if (!gate.lets(now)) return null
    this.#counts = counted(this.#counts, this.#policy, failed, now)
    const closed = trippedBy(this.#counts, this.#policy, now)
    if (closed !== null) this.#counts = []
    return closed
  }
}

function isTripped({ closed }: SystemGate): boolean {
  return closed?.state === 'tripped'
}
