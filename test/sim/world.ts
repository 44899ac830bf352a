import type { DatabaseSync } from 'node:sqlite'
import { callbackLane, callbackTenant } from '../../src/core/callback.ts'
import { standingOf } from '../../src/core/closed.ts'
import { NO_OVERRIDE } from '../../src/core/limits.ts'
import { PRIORITIES, type Priority } from '../../src/core/mapping.ts'
import { NO_TERMS } from '../../src/core/request.ts'
import type { Random } from '../../src/core/units.ts'
import type { Standing } from '../../src/core/verdict.ts'
import { seededRandom } from '../../src/lib/random.ts'
import type { Event } from '../../src/observe/events.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import type { NewRequest, Store } from '../../src/store/store.ts'
import { Callers, type Known } from './callers.ts'
import { CallsUnderWay } from './calls-under-way.ts'
import { SimulatedClock } from './clock.ts'
import { PEACE, type Trouble } from './faults.ts'
import { LIMITS, Node, RETRY } from './node.ts'
import { batches } from './requests.ts'
import { MANNERS, RECEIVER, Targets } from './targets.ts'
import { upload } from './upload.ts'
import { isFinal, Watch } from './watch.ts'

const TROUBLED_FOR_MS = 45_000
const FINISHED_WITHIN_MS = 3_600_000
/** What is given up is swept away once its deadline has passed: with the first sweep, or the second. */
const CLEARED_WITHIN_MS = 60_000
const RELEASED_WITHIN_MS = 1500

const LANES = Object.keys(MANNERS)
const RATE = [{ count: 5, per: 1000 }]

/**
 * One run of the whole of a small world, decided by its seed: two workers at a time on one store,
 * crashes, stops, drains, lost calls and lost replies for a while, and an operator who meddles; then
 * peace, in which everything must finish.
 *
 * @param database a store that was spoilt on purpose
 * @returns everything that went against the promises; the run must be called off if it never ends
 */
export async function simulate(seed: number, database?: DatabaseSync): Promise<readonly string[]> {
  const world = new World(seed, await openMemoryStore(database), new SimulatedClock())
  await world.live()
  return world.violations
}

/** The same on any store, empty, that goes by its callers' time: it stands still during each call. */
export async function simulateOn(store: Store, seed: number): Promise<readonly string[]> {
  const calls = new CallsUnderWay()
  const world = new World(seed, calls.counted(store), new SimulatedClock(() => calls.ended()))
  await world.live()
  return world.violations
}

class World {
  readonly violations: string[]
  readonly #random: Random
  readonly #clock: SimulatedClock
  readonly #base: Store
  readonly #watch: Watch
  readonly #targets: Targets
  readonly #requests: Known[] = []
  readonly #callers: Callers
  readonly #interrupted: NewRequest[] = []
  readonly #nodes: Node[] = []
  readonly #calm: boolean
  readonly #meddled: boolean
  #trouble: Trouble = PEACE
  #operating = true
  #ids = 0
  #posts = 0

  constructor(seed: number, store: Store, clock: SimulatedClock) {
    this.#clock = clock
    this.#random = seededRandom(seed)
    this.#base = store
    this.#watch = new Watch(store)
    this.violations = this.#watch.violations
    this.#targets = new Targets(this.#clock, this.#random)
    this.#callers = new Callers({
      // What they do is watched; only nodes are far away.
      store: this.#watch.store,
      clock,
      random: this.#random,
      newId: () => this.#newId(),
      requests: this.#requests,
      violations: this.violations,
    })
    // In a fifth of the worlds nothing goes wrong: there, nothing may happen twice.
    this.#calm = seed % 5 === 0
    // In half of them an operator changes things.
    this.#meddled = seed % 2 === 0
  }

  async live(): Promise<void> {
    const { random } = this
    for (let n = 0; n < 2; n++) this.#startNode()
    this.#posts = 3 + Math.floor(random() * 5)
    for (let n = 0; n < this.#posts; n++) {
      this.#clock.after(random() * 20_000, () => void this.#post())
    }
    if (!this.#calm) {
      this.#trouble = { lostCall: 0.03, lostReply: 0.03, lateCall: 0.03, delay: 60 }
      this.#clock.after(1000, () => this.#misfortune())
    }
    if (this.#calm) void this.#watchReleases()
    this.#clock.after(random() * 5000, () => void this.#act())
    if (this.#meddled) this.#clock.after(random() * 5000, () => void this.#operate())
    await this.#runUntil(this.#clock.now() + TROUBLED_FOR_MS, () => false)
    this.#trouble = PEACE
    this.#operating = false
    for (const lane of LANES) await this.#base.override(lane, NO_OVERRIDE)
    for (const node of this.#nodes) node.goOn()
    const end = this.#clock.now() + FINISHED_WITHIN_MS
    await this.#runUntil(end, () => this.#allFinished())
    await this.#runUntil(this.#clock.now() + CLEARED_WITHIN_MS, () => false)
    await this.#checkTheEnd()
  }

  get random(): Random {
    return this.#random
  }

  async #runUntil(moment: number, done: () => boolean | Promise<boolean>): Promise<void> {
    for (let steps = 0; this.violations.length === 0; steps++) {
      if (steps % 50 === 0 && (await done())) return
      if (!(await this.#clock.step(moment))) return
    }
  }

  #startNode(): void {
    this.#nodes.push(
      new Node({
        store: this.#watch.store,
        clock: this.#clock,
        random: this.#random,
        targets: this.#targets,
        trouble: () => this.#trouble,
        newId: () => this.#newId(),
        emit: (event) => this.#heard(event),
      }),
    )
    this.#nodes.at(-1)?.start()
  }

  #heard(event: Event): void {
    if (event.event === 'request_repaired') this.violations.push('a request had to be repaired')
  }

  #newId(): string {
    this.#ids += 1
    return `00000000-0000-7000-8000-${String(this.#ids).padStart(12, '0')}`
  }

  /** Every few seconds one of the two nodes crashes, stops for a while, or is replaced in order. */
  #misfortune(): void {
    if (this.#trouble === PEACE) return
    const { random } = this
    const index = Math.floor(random() * this.#nodes.length)
    const node = this.#nodes[index]
    const fate = random()
    if (fate < 0.4) {
      node?.crash()
      this.#nodes.splice(index, 1)
      this.#clock.after(random() * 5000, () => this.#startNode())
    } else if (fate < 0.8) {
      node?.stop()
      this.#clock.after(random() * 30_000, () => node?.goOn())
    } else {
      this.#nodes.splice(index, 1)
      node?.goOn()
      void node?.drain()
      this.#startNode()
    }
    this.#clock.after(2000 + random() * 10_000, () => this.#misfortune())
  }

  /** Every few seconds an operator pauses a system, changes its limits, or has it tried again. */
  async #operate(): Promise<void> {
    if (!this.#operating) return
    const { random } = this
    const lane = pick(LANES, random)
    const fate = random()
    if (fate < 0.25) await this.#base.override(lane, { paused: true })
    else if (fate < 0.5) await this.#base.override(lane, { paused: false })
    else if (fate < 0.65)
      await this.#base.override(lane, { concurrency: pick([1, 2, null], random) })
    else if (fate < 0.8) await this.#base.override(lane, { rate: pick([RATE, null], random) })
    else await this.#base.resume(lane, this.#clock.now())
    this.#clock.after(random() * 5000, () => void this.#operate())
  }

  /** Every few seconds a caller cancels a request, or has one tried again. */
  async #act(): Promise<void> {
    if (!this.#operating) return
    await this.#callers.act()
    this.#clock.after(this.random() * 6000, () => void this.#act())
  }

  /** A third of the requests come in pieces, a fifth of all before their time, and a fifth expire. */
  async #post(): Promise<void> {
    const { random } = this
    const total = pick([1, 3, 20, 60, 120], random)
    const lanes = [pick(LANES, random), pick(LANES, random)]
    const now = this.#clock.now()
    const notBefore = random() < 0.2 ? now + Math.floor(random() * 15_000) : null
    const expiresAt = random() < 0.2 ? now + 3000 + Math.floor(random() * 30_000) : null
    const request: NewRequest = {
      id: this.#newId(),
      tenant: 'default',
      priority: pick<Priority>(PRIORITIES, random),
      metadata: {},
      terms: { ...NO_TERMS, notBefore, expiresAt, callbackUrl: pick([RECEIVER, null], random) },
      createdAt: now,
      total,
      sources: {},
      batches: batches(total, lanes),
      idempotency: null,
    }
    const isWhole =
      random() < 1 / 3
        ? await upload(request, this.#base, this.#clock, random, this.violations)
        : (await this.#base.insert(request)).kind === 'inserted'
    if (isWhole) this.#requests.push({ ...request, since: this.#clock.now() })
    else this.#interrupted.push(request)
  }

  /** Where nothing goes wrong, nothing that is due stays unreleased for much longer than a second. */
  async #watchReleases(): Promise<void> {
    const now = this.#clock.now()
    const { release } = await this.#base.work(now)
    if (release !== null && release > 0 && release < now - RELEASED_WITHIN_MS) {
      this.violations.push(`what was due at ${release} is not released at ${now}`)
    }
    this.#clock.after(500, () => void this.#watchReleases())
  }

  async #allFinished(): Promise<boolean> {
    const posted = this.#requests.filter(({ terms }) => terms.retryOf === null)
    if (posted.length + this.#interrupted.length < this.#posts || this.#callers.busy) return false
    for (const { id, terms } of this.#requests) {
      if (!(await this.#isFinished('default', id))) return false
      if (terms.callbackUrl === null) continue
      if (!(await this.#isFinished(callbackTenant('default'), id))) return false
    }
    return true
  }

  async #isFinished(tenant: string, id: string): Promise<boolean> {
    return (await this.#base.request(tenant, id))?.finishedAt != null
  }

  async #checkTheEnd(): Promise<void> {
    for (const request of this.#requests) await this.#checkRequest(request)
    for (const request of this.#requests) await this.#checkCallback(request)
    if ((await this.#base.totals()).openMappings !== 0) this.violations.push('something is open')
    for (const request of this.#interrupted) await this.#checkInterrupted(request)
    for (const [lane, calls] of this.#targets.underWayMax) {
      if (calls > LIMITS.concurrency) this.violations.push(`${lane} had ${calls} calls at once`)
    }
    if (this.#calm) this.#nothingTwice()
  }

  /** Liveness, and results that are complete and in order, whatever the pages. */
  async #checkRequest(request: Known): Promise<void> {
    const { id, total, terms } = request
    if (this.#calm) await this.#callers.check(request, this.#callsOf(id))
    for (const { at } of this.#callsOf(id)) {
      if (at < (terms.notBefore ?? 0)) this.violations.push(`${id} was called for before its time`)
    }
    const standings = await this.#standings(id, total)
    for (const [ordinal, standing] of standings.entries()) {
      if (!isFinal(standing)) this.violations.push(`${id}:${ordinal} is not final in the end`)
      const attempts = standing?.[1] ?? 0
      if (attempts > RETRY.attempts)
        this.violations.push(`${id}:${ordinal} had ${attempts} attempts`)
      if (standing?.[0] === 'completed' && !this.#wasDelivered(`${id}:${ordinal}`)) {
        this.violations.push(`${id}:${ordinal} is completed, and its target never took it`)
      }
      const isLost = standing?.[0] !== 'completed' && this.#wasDelivered(`${id}:${ordinal}`)
      if (this.#calm && isLost) {
        this.violations.push(`${id}:${ordinal} was delivered, and is ${standing?.[0]}`)
      }
    }
    if (standings.length !== total) {
      this.violations.push(`${id} has ${standings.length} results of ${total}`)
    }
  }

  /** Who wants to know of the end of a request is told of it, or as often as may be tried; nobody else. */
  async #checkCallback({ id, terms }: Known): Promise<void> {
    const tenant = callbackTenant('default')
    const told = this.#targets.calls.filter(
      ({ key, lane }) => key === `${id}:0` && lane === callbackLane(RECEIVER),
    )
    const heard = told.some(({ answer }) => answer?.kind === 'delivered')
    const state = (await this.#base.request(tenant, id))?.state ?? null
    if (terms.callbackUrl === null) {
      if (state !== null || told.length > 0) this.violations.push(`${id} told who did not ask`)
    } else if (state !== 'completed' && (state !== 'failed' || told.length < RETRY.attempts)) {
      this.violations.push(`the callback of ${id} is ${state} after ${told.length} calls`)
    } else if (state === 'completed' && !heard) {
      this.violations.push(`the callback of ${id} is completed, and nobody heard it`)
    }
  }

  /** Nobody was called for it, and nothing is left of it: its id may be used again. */
  async #checkInterrupted(request: NewRequest): Promise<void> {
    const { id } = request
    if (this.#callsOf(id).length > 0) this.violations.push(`${id} was called for, and never whole`)
    const reused = await this.#base.insert(request).catch(() => null)
    if (reused === null) this.violations.push(`${id} has left something behind`)
  }

  #callsOf(id: string) {
    return this.#targets.calls.filter(
      ({ key, lane }) => key.startsWith(`${id}:`) && lane !== callbackLane(RECEIVER),
    )
  }

  async #standings(id: string, total: number): Promise<readonly Standing[]> {
    const found = new Map<number, Standing>()
    for (let from = 0; from < total; ) {
      const to = from + 1 + Math.floor(this.random() * 30)
      const range = { from, to, reaching: 0, state: null }
      const { batches, next } = await this.#base.batches('default', id, range)
      for (const batch of batches) {
        const known: (Standing | null)[] = batch.verdicts === null ? [] : JSON.parse(batch.verdicts)
        const { first, count, list } = batch.ordinals
        for (let position = 0; position < count; position++) {
          const ordinal = list?.[position] ?? first + position
          if (found.has(ordinal)) this.violations.push(`${id}:${ordinal} is in two batches`)
          found.set(ordinal, standingOf(known[position] ?? null, batch.closed))
        }
      }
      from = next
    }
    return [...found].sort(([a], [b]) => a - b).map(([, standing]) => standing)
  }

  #wasDelivered(key: string): boolean {
    return this.#targets.calls.some(
      (call) =>
        call.key === key &&
        call.lane !== callbackLane(RECEIVER) &&
        call.answer?.kind === 'delivered',
    )
  }

  #nothingTwice(): void {
    const delivered = this.#targets.calls.filter(({ answer }) => answer?.kind === 'delivered')
    const keys = new Set(delivered.map(({ key, lane }) => `${key} to ${lane}`))
    if (keys.size < delivered.length) this.violations.push('something was delivered twice')
  }
}

function pick<T>(from: readonly T[], random: Random): T {
  const picked = from[Math.floor(random() * from.length)]
  if (picked === undefined) throw new Error('nothing to pick from')
  return picked
}
