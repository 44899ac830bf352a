/** Real workers on a store in memory, in simulated time; their targets answer as the test says. */
import { USUAL_ANSWERS } from '../../src/core/answers.ts'
import type { Mapping } from '../../src/core/mapping.ts'
import { type Result, resultsOf } from '../../src/core/results.ts'
import type { DurationMs, EpochMs } from '../../src/core/units.ts'
import { deliverer } from '../../src/deliver/deliver.ts'
import type { Connection, ReadAnswer, WriteAnswer } from '../../src/deliver/kind.ts'
import { Dispatcher } from '../../src/dispatch/dispatcher.ts'
import type { SystemRules } from '../../src/dispatch/rules.ts'
import { type Clock, sleep } from '../../src/lib/clock.ts'
import type { Event } from '../../src/observe/events.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import type { NewRequest, Store } from '../../src/store/store.ts'
import { allBatches } from '../contract/steps.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { troubled } from '../sim/faults.ts'
import { newRequest, type RequestOptions, TENANT } from '../support/requests.ts'
import { literalOnly } from '../support/transform.ts'
import { pass, until } from './time.ts'

/** How long the way to the store takes, there and back: longer than most calls. */
const STORE_MS: DurationMs = 30

/** Where every mapping is read from. */
const SOURCE = 'source'

const RECORD: ReadAnswer = { kind: 'record', record: {} }

export const DELIVERED: WriteAnswer = { kind: 'delivered', result: {} }

export function refused(httpStatus: number, retryAfter: DurationMs | null = null): WriteAnswer {
  return {
    kind: 'refused',
    stage: 'write',
    httpStatus,
    retryAfter,
    message: `It said ${httpStatus}`,
  }
}

/** One call as its target saw it. */
interface SeenCall {
  readonly id: string
  readonly target: string
  readonly at: EpochMs
}

/** What a target says to a mapping; whatever it does, the call has been made. */
type Answer = (mapping: Mapping, worker: Worker) => WriteAnswer

/** A worker as a process: it can be stopped in order, or die at any moment. */
interface Worker {
  stop(deadline: EpochMs): Promise<void>
  /** Like kill -9: nothing of it moves any more. */
  crash(): void
  /** Like SIGSTOP, and SIGCONT so much later: what was due meanwhile is done then, in order. */
  hang(duration: DurationMs): void
}

export class Stage {
  readonly clock = new SimulatedClock()
  readonly calls: SeenCall[] = []
  readonly events: Event[] = []
  rules: SystemRules = {
    limits: { concurrency: 4, rate: null },
    retry: { attempts: 3, first: 100, cap: 1000 },
    answers: USUAL_ANSWERS,
    together: 1,
    readable: false,
  }
  /** Other limits for a source, in place of those of `rules`. */
  sourceLimits: SystemRules['limits'] | null = null
  answer: Answer = () => DELIVERED
  /** How long every call takes. */
  latency: DurationMs = 10
  /** What a source says; null where nothing is read. */
  read: ((mapping: Mapping) => ReadAnswer) | null = null
  /** When the sources were asked. */
  readonly reads: SeenCall[] = []
  /** How long a call to one target takes, in place of `latency`. */
  latencyOf: ((mapping: Mapping) => DurationMs) | null = null
  readonly store: Store
  #workers = 0

  constructor(store: Store) {
    this.store = store
  }

  static async open(): Promise<Stage> {
    return new Stage(await openMemoryStore())
  }

  /** Starts a worker; the store knows it a moment later. */
  start(): Worker {
    const { clock: near, die, hang } = mortal(this.clock)
    this.#workers += 1
    const name = `worker-${this.#workers}`
    let lives = 0
    const dispatcher = new Dispatcher({
      store: troubled(
        this.store,
        near,
        () => 0.5,
        () => ({
          lostCall: 0,
          lostReply: 0,
          lateCall: 0,
          delay: STORE_MS,
        }),
      ),
      deliver: deliverer(() => this.#connection(near, worker), literalOnly, near),
      rules: (system) => {
        const limits = system === SOURCE ? this.sourceLimits : null
        return limits === null ? this.rules : { ...this.rules, limits }
      },
      clock: near,
      random: () => 0.5,
      newId: () => `${name}-${++lives}`,
      emit: (event) => this.events.push(event),
      host: 'stage',
      retention: 86_400_000,
    })
    const worker: Worker = { stop: (deadline) => dispatcher.stop(deadline), crash: die, hang }
    void dispatcher.start()
    return worker
  }

  async post(options: RequestOptions): Promise<NewRequest> {
    const request = newRequest(options)
    await this.store.insert(request)
    return request
  }

  /** Counts the claims that are made from now on. */
  countClaims(): { readonly claims: number } {
    const counted = { claims: 0 }
    const { claim } = this.store
    Object.assign(this.store, {
      claim: (...parameters: Parameters<typeof claim>) => {
        counted.claims += 1
        return claim(...parameters)
      },
    })
    return counted
  }

  pass(duration: DurationMs): Promise<void> {
    return pass(this.clock, duration)
  }

  until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    return until(this.clock, isSo)
  }

  /** Waits until a request is finished; gives how every mapping of it ended. */
  async finished({ id }: NewRequest): Promise<readonly Result[]> {
    await this.until(async () => {
      const request = await this.store.request(TENANT, id)
      return request?.finishedAt != null
    })
    return this.results(id)
  }

  async results(id: string): Promise<readonly Result[]> {
    const batches = await allBatches(this.store, id)
    return batches.flatMap((batch) => resultsOf(batch, { from: 0, state: null }))
  }

  #connection(near: Clock, worker: Worker): Connection {
    return {
      read:
        this.read === null
          ? null
          : async ({ mapping }) => {
              const { id, source } = mapping
              this.reads.push({ id, target: source, at: this.clock.now() })
              const answer = this.read?.(mapping) ?? RECORD
              await sleep(near, this.latency)
              return answer
            },
      write: async ({ mapping, signal }) => {
        const { id, target } = mapping
        this.calls.push({ id, target, at: this.clock.now() })
        const answer = this.answer(mapping, worker)
        await sleep(near, this.latencyOf?.(mapping) ?? this.latency)
        return signal.aborted ? { kind: 'interrupted' } : answer
      },
      bulk: null,
      close: async () => {},
    }
  }
}

/** A clock that stands still for ever once its owner is dead, and for a while when it hangs. */
function mortal(clock: Clock) {
  let alive = true
  let hangsUntil: EpochMs = 0
  const own: Clock = {
    now: () => clock.now(),
    after: (delay, callback) => clock.after(delay, () => fire(callback)),
  }

  function fire(callback: () => void): void {
    if (clock.now() < hangsUntil) clock.after(hangsUntil - clock.now(), () => fire(callback))
    else if (alive) callback()
  }

  return {
    clock: own,
    die: () => {
      alive = false
    },
    hang: (duration: DurationMs) => {
      hangsUntil = clock.now() + duration
    },
  }
}
