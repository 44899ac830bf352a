import { callbackLane } from '../../src/core/callback.ts'
import type { Random } from '../../src/core/units.ts'
import type { Call, Connection, WriteAnswer } from '../../src/deliver/kind.ts'
import { type Clock, sleep } from '../../src/lib/clock.ts'

/** One call as its target saw it. */
export interface SeenCall {
  readonly key: string
  readonly lane: string
  readonly at: number
  answer: WriteAnswer | null
}

/** How a target behaves: which of its answers a call gets. */
type Manner = (random: Random) => WriteAnswer

const delivered: WriteAnswer = { kind: 'delivered', result: { ok: true } }

function refused(httpStatus: number, retryAfter: number | null = null): WriteAnswer {
  return { kind: 'refused', stage: 'write', httpStatus, retryAfter, message: `${httpStatus}` }
}

const lost: WriteAnswer = {
  kind: 'unanswered',
  stage: 'write',
  code: 'timeout',
  message: 'no answer',
}

/** Every lane of the simulation, by how its target behaves. */
export const MANNERS: Readonly<Record<string, Manner>> = {
  steady: () => delivered,
  flaky: (random) => (random() < 0.7 ? delivered : random() < 0.5 ? refused(503) : lost),
  picky: (random) => (random() < 0.8 ? delivered : refused(422)),
  busy: (random) => (random() < 0.95 ? delivered : refused(429, 3000)),
  guarded: (random) => (random() < 0.98 ? delivered : refused(401)),
}

/** Who is told of the ends of requests, and how it behaves. */
export const RECEIVER = 'https://receiver.example/done'
const hearing: Manner = (random) => (random() < 0.8 ? delivered : refused(500))

/** The outside world: remembers every call, and how many were under way at once. */
export class Targets {
  readonly calls: SeenCall[] = []
  readonly underWayMax = new Map<string, number>()
  readonly #underWay = new Map<string, number>()
  readonly #clock: Clock
  readonly #random: Random

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** A target as one node reaches it; `near` is the node's own time, which may stand still. */
  connection(lane: string, near: Clock): Connection {
    const manner = lane === callbackLane(RECEIVER) ? hearing : MANNERS[lane]
    if (manner === undefined) throw new Error(`no target ${lane}`)
    return {
      read: async (call) => {
        await this.#underWayFor(lane)
        await sleep(near, 0)
        return call.signal.aborted ? { kind: 'interrupted' } : { kind: 'record', record: {} }
      },
      write: (call) => this.#answer(lane, manner, call, near),
      bulk: null,
      close: async () => {},
    }
  }

  async #answer(lane: string, manner: Manner, call: Call, near: Clock): Promise<WriteAnswer> {
    const seen: SeenCall = { key: call.idempotencyKey, lane, at: this.#clock.now(), answer: null }
    this.calls.push(seen)
    await this.#underWayFor(lane)
    seen.answer = manner(this.#random)
    // The answer is there; a node that is stopped hears of it when it goes on.
    await sleep(near, 0)
    return call.signal.aborted ? { kind: 'interrupted' } : seen.answer
  }

  async #underWayFor(lane: string): Promise<void> {
    this.#count(lane, 1)
    await sleep(this.#clock, 1 + this.#random() * 200)
    this.#count(lane, -1)
  }

  #count(lane: string, change: number): void {
    const underWay = (this.#underWay.get(lane) ?? 0) + change
    this.#underWay.set(lane, underWay)
    this.underWayMax.set(lane, Math.max(this.underWayMax.get(lane) ?? 0, underWay))
  }
}
