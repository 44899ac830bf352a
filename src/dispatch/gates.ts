import type { AnswerPolicy } from '../core/answers.ts'
import { mayPass } from '../core/decide.ts'
import { type ClosedGate, type Gate, gateAfter, gateOfQuota, PROBE_EVERY_MS } from '../core/gate.ts'
import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Answer, Step } from '../deliver/turns.ts'
import type { Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import type { DispatchStore } from '../store/store.ts'
import type { Access } from './access.ts'
import { orUnavailable, whileAvailable } from './or-unavailable.ts'
import type { CallEnd } from './round.ts'

/** A gate that is closed already is closed for longer only by this much at once. */
const GATE_STEP_MS: DurationMs = 500

/** A worker that steps back for less than this keeps what it has in hand. */
const GIVE_BACK_FROM_MS: DurationMs = 1000

/** The clocks of the threads of one process differ by less: what an operator says is over now is over. */
const CLOCKS_APART_MS: DurationMs = 10

/** How soon to ask again for the right to probe that another worker has. */
const ASK_AGAIN_MS: DurationMs = 1000

export interface GatePorts {
  readonly store: DispatchStore
  readonly clock: Clock
  /** What the answers of a system mean. */
  readonly answers: (system: string) => AnswerPolicy
  readonly emit: Emit
  /** Lets nothing more start that is in hand for this system. */
  readonly stop: (system: string) => void
  /** Looks at what is for this system again at that moment. */
  readonly wakeAt: (system: string, at: EpochMs) => void
  /** Something may start again for this system. */
  readonly onOpen: (system: string) => void
}

/** Closes and opens the systems' gates by what they answer, here and for every worker. */
export class Gates {
  readonly #ports: GatePorts

  constructor(ports: GatePorts) {
    this.#ports = ports
  }

  /** Hears what a system answered, before anyone else gets a turn with it. */
  hear(access: Access, step: Step, answer: Answer): CallEnd {
    const { gate, breaker } = access
    const learned = 'learned' in answer ? answer.learned : undefined
    const isGood = answer.kind === 'delivered' || answer.kind === 'record'
    if (isGood && gate.probing === null && breaker === null && learned === undefined) return 'fine'
    if (answer.kind === 'interrupted' || answer.kind === 'impossible') {
      // Of a batch that probes another mapping may have an answer; a read was all there was.
      if (step === 'read' && gate.probing === 'read') gate.probing = null
      return 'fine'
    }
    const { answers, clock } = this.#ports
    const now = clock.now()
    const policy = answers(access.system)
    if (learned !== undefined) {
      access.tally.learn(learned, now)
      access.limiter.learn(learned)
    }
    const failed =
      answer.kind !== 'record' && answer.kind !== 'delivered' && mayPass(answer, policy)
    const asked = answer.kind === 'record' ? null : gateAfter(answer, policy, now)
    const isTooMuch = asked?.state === 'throttled'
    const closed =
      (isTooMuch ? this.#throttled(access, asked, answer, now) : asked) ??
      (learned === undefined ? null : gateOfQuota(learned, now)) ??
      (isTooMuch ? null : breaker?.hear(failed, gate, now)) ??
      null
    if (closed !== null) this.#close(access, closed, now)
    else if (gate.probing !== null) this.#probed(access, step, answer)
    if (isTooMuch) return 'throttled'
    return failed ? 'failed' : 'fine'
  }

  /**
   * The store says that a gate is closed, in answer to a claim. One that may be probed and was not has
   * nothing that waits for it: to ask again at once would be to ask for ever.
   */
  heed(access: Access, closed: ClosedGate): void {
    const { gate, system } = access
    const { clock, stop, wakeAt } = this.#ports
    gate.closed = closed
    gate.closedUntil = Math.max(gate.closedUntil, closed.until)
    // A probe must find nothing else in hand.
    stop(system)
    if (clock.now() < gate.closedUntil) wakeAt(system, gate.closedUntil)
  }

  /**
   * What the store said when it was asked at `askedAt`: other workers and operators change gates too.
   * While a probe is out, its answer decides.
   */
  follow(access: Access, closed: Gate, askedAt: EpochMs): void {
    const { gate, system } = access
    if (gate.probing !== null || gate.changedAt >= askedAt) return
    if (closed === null) {
      if (gate.closed === null) return
      this.#set(access, null)
      this.#ports.onOpen(system)
      return
    }
    const known = gate.closed?.until ?? Number.NEGATIVE_INFINITY
    // What is no news leaves a worker alone that has stepped back for longer.
    if (closed.until === known) return
    const now = this.#ports.clock.now()
    const soon = now + CLOCKS_APART_MS
    if (soon < known && closed.until <= soon) access.limiter.goOn()
    this.#set(access, closed)
    if (now < closed.until) this.#ports.stop(system)
    this.#ports.wakeAt(system, closed.until)
  }

  /** Whether a system may be read from now; where only one may try, that one has the right to. */
  mayRead({ gate, system }: Access): boolean | Promise<boolean> {
    const now = this.#ports.clock.now()
    if (!gate.letsRead(now)) return false
    if (gate.closed === null || gate.closed.state === 'throttled') return true
    gate.probing = 'read'
    return this.#mayProbe(gate, system, now)
  }

  async #mayProbe(gate: Access['gate'], system: string, now: EpochMs): Promise<boolean> {
    const { store, emit } = this.#ports
    const mayProbe = (await orUnavailable(() => store.probe(system, now), emit)) ?? false
    gate.probing = mayProbe ? 'read' : null
    gate.closedUntil = now + (mayProbe ? PROBE_EVERY_MS : ASK_AGAIN_MS)
    return mayProbe
  }

  #close(access: Access, closed: ClosedGate, now: EpochMs): void {
    const { gate, system } = access
    const { emit, stop, wakeAt } = this.#ports
    const isOpen = now >= gate.closedUntil
    const isNews =
      isOpen || gate.probing !== null || closed.until >= gate.closedUntil + GATE_STEP_MS
    gate.probing = null
    stop(system)
    // Every call under way hears the same thing: the store need not be told each time.
    if (!isNews) return
    this.#set(access, closed)
    gate.changedAt = now
    wakeAt(system, closed.until)
    emit({ event: 'gate_closed', system, gate: closed })
    void this.#tell(access, closed)
  }

  /**
   * The gate that a system closes which was called too much: for as long as its answers say, else as what
   * it let through so far tells. Null where everyone has waited for that already, or only this worker
   * steps back: the others, which get through, are not to be held up.
   */
  #throttled(access: Access, asked: ClosedGate, answer: Answer, now: EpochMs): Gate {
    if ('learned' in answer && answer.learned?.resetsAt != null) return asked
    const retryAfter = answer.kind === 'refused' ? answer.retryAfter : null
    const { wait, forAll } = access.limiter.refused(retryAfter)
    // What a probe is told is news, and for all: nobody else gets through meanwhile.
    if (access.gate.probing !== null) return wait === 0 ? asked : { ...asked, until: now + wait }
    if (wait === 0) return null
    if (forAll) return { ...asked, until: now + wait }
    if (wait < GIVE_BACK_FROM_MS) return null
    const { gate, system } = access
    gate.closedUntil = Math.max(gate.closedUntil, now + wait)
    this.#ports.stop(system)
    this.#ports.wakeAt(system, gate.closedUntil)
    return null
  }

  #probed(access: Access, step: Step, answer: Answer): void {
    const { gate, system } = access
    // A mapping may read from the system that it is to write to: then its write tells.
    if (isAnswer(answer) && step !== gate.probing) return
    gate.probing = null
    if (!isAnswer(answer)) {
      // Its batch may hold more mappings, and they are not to be tried one after another.
      this.#ports.stop(system)
      return
    }
    this.#set(access, null)
    gate.changedAt = this.#ports.clock.now()
    this.#ports.emit({ event: 'gate_opened', system })
    void this.#tell(access, null)
    this.#ports.onOpen(system)
  }

  #set({ gate }: Access, closed: Gate): void {
    gate.closed = closed
    gate.closedUntil = closed?.until ?? 0
  }

  /** A gate that could not be told is told again by the next answer like this one. */
  async #tell({ gate, system }: Access, closed: Gate): Promise<void> {
    const { store, clock, emit } = this.#ports
    await whileAvailable(() => store.gate(system, closed), emit)
    gate.changedAt = clock.now()
  }
}

/** Silence says nothing of whether our credentials are taken. */
function isAnswer({ kind }: Answer): boolean {
  return kind === 'delivered' || kind === 'record' || kind === 'refused' || kind === 'declined'
}
