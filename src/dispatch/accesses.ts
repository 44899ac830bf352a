import { inForce, NO_OVERRIDE, type Override } from '../core/limits.ts'
import type { EpochMs } from '../core/units.ts'
import type { Verdict } from '../core/verdict.ts'
import type { Clock } from '../lib/clock.ts'
import type { SystemControl } from '../store/store.ts'
import { Access, type SystemGate } from './access.ts'
import { Limiter } from './limiter.ts'
import type { Part } from './part.ts'
import type { SystemRules } from './rules.ts'

export interface AccessPorts {
  readonly rules: (system: string) => SystemRules
  readonly clock: Clock
  /** More may be called of this system than before. */
  readonly onFree: (system: string) => void
  /** An operator has paused this system, or lets it go on. */
  readonly onPaused: (system: string, paused: boolean) => void
}

/** All the systems that one worker deals with, under the limits that are in force. */
export class Accesses {
  readonly #ports: AccessPorts
  readonly #accesses = new Map<string, Access>()
  /** What operators say, where they do. */
  #overrides: ReadonlyMap<string, Override> = new Map()
  #part: Part | null = null

  constructor(ports: AccessPorts) {
    this.#ports = ports
  }

  all(): Iterable<Access> {
    return this.#accesses.values()
  }

  /** Finds a system, or begins to deal with it. */
  of(system: string): Access {
    const known = this.#accesses.get(system)
    if (known !== undefined) return known
    const { rules, clock, onFree } = this.#ports
    const { limits, breaker = null, readable } = rules(system)
    const override = this.#overrides.get(system) ?? NO_OVERRIDE
    const limiter = new Limiter(inForce(limits, override), clock, () => onFree(system))
    limiter.assign(this.#part)
    const access = new Access(system, limiter, breaker, readable)
    access.gate.paused = override.paused
    this.#accesses.set(system, access)
    return access
  }

  /** A system that is dealt with already; null for another. */
  known(system: string): Access | null {
    return this.#accesses.get(system) ?? null
  }

  /** The gate that keeps a source from being read now; null where nothing does. */
  closedSource(source: string | null, now: EpochMs): SystemGate | null {
    const access = source === null ? undefined : this.#accesses.get(source)
    return access?.readable && !access.gate.letsRead(now) ? access.gate : null
  }

  assign(part: Part | null): void {
    this.#part = part
    for (const { limiter } of this.#accesses.values()) limiter.assign(part)
  }

  /** Puts in force what operators say now. */
  override(controls: readonly SystemControl[]): void {
    const before = this.#overrides
    this.#overrides = new Map(controls.map(({ system, override }) => [system, override]))
    for (const system of new Set([...before.keys(), ...this.#overrides.keys()])) {
      const was = before.get(system) ?? NO_OVERRIDE
      const is = this.#overrides.get(system) ?? NO_OVERRIDE
      if (JSON.stringify(was) !== JSON.stringify(is)) this.#apply(system, was, is)
    }
  }

  /** Remembers how an attempt ended, with the system that it was about. */
  note(verdict: Verdict, target: Access, source: string | null, now: EpochMs): void {
    if (verdict.kind === 'completed' || verdict.kind === 'failed') target.tally.count(now)
    if (verdict.kind === 'completed' || verdict.error === null) return
    const { stage } = verdict.error
    if (stage === 'write') target.tally.fail(verdict.error, now)
    if (stage === 'read' && source !== null) this.known(source)?.tally.fail(verdict.error, now)
  }

  /** Forgets systems of which nothing would be missed, and which are not among `used`. */
  tidy(used: (system: string) => boolean): void {
    const now = this.#ports.clock.now()
    for (const [system, access] of this.#accesses) {
      if (access.idle(now) && !used(system)) this.#accesses.delete(system)
    }
  }

  #apply(system: string, was: Override, is: Override): void {
    const access = this.#accesses.get(system)
    if (access === undefined) return
    access.limiter.change(inForce(this.#ports.rules(system).limits, is))
    access.gate.paused = is.paused
    if (was.paused !== is.paused) this.#ports.onPaused(system, is.paused)
  }
}
