import { USUAL_ANSWERS } from '../../src/core/answers.ts'
import type { DurationMs, Random } from '../../src/core/units.ts'
import { deliverer } from '../../src/deliver/deliver.ts'
import { Dispatcher } from '../../src/dispatch/dispatcher.ts'
import type { Cancel, Clock } from '../../src/lib/clock.ts'
import type { Event } from '../../src/observe/events.ts'
import type { Store } from '../../src/store/store.ts'
import { literalOnly } from '../support/transform.ts'
import { type Trouble, troubled } from './faults.ts'
import type { Targets } from './targets.ts'

export const LIMITS = { concurrency: 4, rate: null }
export const RETRY = { attempts: 4, first: 500, cap: 10_000 }
const BREAKER = { failureRatio: 0.4, window: 10_000, minimum: 8, cooldown: 3000 }

/** A node's own time: it stands still while the node is stopped, and for ever once it is dead. */
class NodeClock implements Clock {
  readonly #world: Clock
  #state: 'running' | 'stopped' | 'dead' = 'running'
  #held: (() => void)[] = []

  constructor(world: Clock) {
    this.#world = world
  }

  now(): number {
    return this.#world.now()
  }

  after(delay: DurationMs, callback: () => void): Cancel {
    let cancelled = false
    const fire = () => {
      if (cancelled || this.#state === 'dead') return
      if (this.#state === 'stopped') this.#held.push(fire)
      else callback()
    }
    const cancel = this.#world.after(delay, fire)
    return () => {
      cancelled = true
      cancel()
    }
  }

  stop(): void {
    this.#state = 'stopped'
  }

  goOn(): void {
    if (this.#state !== 'stopped') return
    this.#state = 'running'
    for (const fire of this.#held.splice(0)) this.#world.after(0, fire)
  }

  die(): void {
    this.#state = 'dead'
  }
}

export interface NodePorts {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly targets: Targets
  readonly trouble: () => Trouble
  readonly newId: () => string
  readonly emit: (event: Event) => void
}

/** One worker process of the simulation: the real dispatcher, on time and a network of its own. */
export class Node {
  readonly #clock: NodeClock
  readonly #dispatcher: Dispatcher

  constructor({ store, clock, random, targets, trouble, newId, emit }: NodePorts) {
    this.#clock = new NodeClock(clock)
    const near = this.#clock
    this.#dispatcher = new Dispatcher({
      store: troubled(store, near, random, trouble),
      deliver: deliverer((lane) => targets.connection(lane, near), literalOnly, near),
      rules: () => ({
        limits: LIMITS,
        retry: RETRY,
        answers: USUAL_ANSWERS,
        breaker: BREAKER,
        together: 1,
        readable: true,
      }),
      clock: near,
      random,
      newId,
      emit,
      host: 'simulated',
      retention: 86_400_000,
    })
  }

  start(): void {
    void this.#dispatcher.start()
  }

  /** Like SIGSTOP: nothing of it moves, and nothing knows. */
  stop(): void {
    this.#clock.stop()
  }

  /** Like SIGCONT. */
  goOn(): void {
    this.#clock.goOn()
  }

  /** Like kill -9. */
  crash(): void {
    this.#clock.die()
  }

  drain(): Promise<void> {
    return this.#dispatcher.stop(this.#clock.now() + 10_000)
  }
}
