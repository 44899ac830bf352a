import type { Json } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import type { Bulk, Call, Delivery, WriteAnswer } from './kind.ts'
import type { Turns } from './turns.ts'

interface Waiting extends Delivery {
  readonly closed: AbortSignal
  readonly resolve: (answer: WriteAnswer) => void
}

/**
 * Gathers the payloads for one system that takes many in a call. A bundle is closed when its turn to
 * be called comes: so while the system is busy the next ones fill up, and while it is idle nothing
 * waits but for what the same moment brings along.
 */
export class Bundles {
  readonly #system: string
  readonly #bulk: Bulk
  readonly #turns: Turns
  readonly #clock: Clock
  #waiting: Waiting[] = []
  /** How many bundles have asked for a turn that has not come. */
  #asking = 0
  #gathering = false

  constructor(system: string, bulk: Bulk, turns: Turns, clock: Clock) {
    this.#system = system
    this.#bulk = bulk
    this.#turns = turns
    this.#clock = clock
  }

  /**
   * Hands a payload over in some bundle; resolves with its own part of the answer.
   *
   * @param closed takes it out of a bundle that has not been sent
   */
  write(call: Call, payload: Json, closed: AbortSignal): Promise<WriteAnswer> {
    const { promise, resolve } = Promise.withResolvers<WriteAnswer>()
    const waiting = { call, payload, closed, resolve }
    this.#waiting.push(waiting)
    closed.addEventListener('abort', () => this.#takeOut(waiting), { once: true })
    if (this.#waiting.length >= this.#bulk.max * (this.#asking + 1)) this.#ask()
    else this.#gather()
    return promise
  }

  #takeOut(waiting: Waiting): void {
    const at = this.#waiting.indexOf(waiting)
    if (at === -1) return
    this.#waiting.splice(at, 1)
    waiting.resolve(INTERRUPTED)
  }

  #gather(): void {
    if (this.#gathering) return
    this.#gathering = true
    this.#clock.after(0, () => {
      this.#gathering = false
      while (this.#waiting.length > this.#bulk.max * this.#asking) this.#ask()
    })
  }

  #ask(): void {
    this.#asking += 1
    this.#withTurn((mayCall) => {
      this.#asking -= 1
      const bundle = this.#waiting.slice(0, this.#bulk.max)
      this.#waiting = this.#waiting.slice(bundle.length)
      void this.#send(bundle, mayCall)
    })
  }

  #withTurn(use: (mayCall: boolean) => void): void {
    const turn = this.#turns.take(this.#system, 'write')
    if (typeof turn === 'boolean') use(turn)
    else void turn.then(use)
  }

  async #send(bundle: readonly Waiting[], mayCall: boolean): Promise<void> {
    const wanted: Waiting[] = []
    for (const each of bundle) {
      if (mayCall && isWanted(each)) wanted.push(each)
      else each.resolve(INTERRUPTED)
    }
    const answers = await this.#deliver(wanted)
    const told = answers.find(({ kind }) => TELLING.has(kind)) ?? answers[0] ?? INTERRUPTED
    this.#turns.give(this.#system, 'write', mayCall ? told : null)
    if (wanted.length > 1 && answers.some(isDivisible)) this.#divide(wanted)
    else for (const [place, { resolve }] of wanted.entries()) resolve(answers[place] ?? MISSING)
  }

  /** Sends each half by itself, so that what one payload spoils is not spoilt for all. */
  #divide(bundle: readonly Waiting[]): void {
    const middle = Math.ceil(bundle.length / 2)
    for (const half of [bundle.slice(0, middle), bundle.slice(middle)]) {
      this.#withTurn((mayCall) => void this.#send(half, mayCall))
    }
  }

  async #deliver(wanted: readonly Waiting[]): Promise<readonly WriteAnswer[]> {
    const [first] = wanted
    return first === undefined ? [] : this.#bulk.writeMany(wanted, first.call.signal)
  }
}

function isWanted({ call, closed }: Waiting): boolean {
  return !call.signal.aborted && !closed.aborted
}

function isDivisible(answer: WriteAnswer): boolean {
  return (answer.kind === 'refused' || answer.kind === 'impossible') && answer.divisible === true
}

/** What says something of the system, not only of one payload; it must not be overheard. */
const TELLING = new Set<WriteAnswer['kind']>(['refused', 'declined', 'misconfigured'])

const INTERRUPTED: WriteAnswer = { kind: 'interrupted' }

const MISSING: WriteAnswer = {
  kind: 'unanswered',
  stage: 'write',
  code: 'invalid_response',
  message: 'The answer to the whole call says nothing of this mapping.',
}
