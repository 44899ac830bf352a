/** Workers on a real PostgreSQL that is away for longer than they may be silent, in real time. */
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { USUAL_ANSWERS } from '../../src/core/answers.ts'
import { deliverer } from '../../src/deliver/deliver.ts'
import type { Call, Connection } from '../../src/deliver/kind.ts'
import { Dispatcher } from '../../src/dispatch/dispatcher.ts'
import { LIFETIME_MS } from '../../src/dispatch/membership.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { newId, systemRandom } from '../../src/lib/random.ts'
import type { Event } from '../../src/observe/events.ts'
import { migrate } from '../../src/store/postgres/migrate.ts'
import { postgresStore } from '../../src/store/postgres/store.ts'
import { audited } from '../contract/steps.ts'
import { startPostgres } from '../support/postgres.ts'
import { newRequest } from '../support/requests.ts'
import { literalOnly } from '../support/transform.ts'

const AWAY_MS = LIFETIME_MS + 5000
const RESUMES_WITHIN_MS = 2000

const postgres = await startPostgres()
await migrate(postgres.url)
afterAll(() => postgres.stop())

/** Calls to `slow` have no end but that of their worker's patience, until it is told to be quick. */
class Targets {
  readonly calls: { readonly lane: string; readonly at: number }[] = []
  isQuick = false

  connection(lane: string): Connection {
    return {
      read: null,
      bulk: null,
      close: async () => {},
      write: (call) => this.#take(lane, call),
    }
  }

  async #take(lane: string, { signal }: Call) {
    this.calls.push({ lane, at: performance.now() })
    if (lane === 'slow' && !this.isQuick) await once(signal, 'abort')
    await pause(20)
    if (signal.aborted) return { kind: 'interrupted' } as const
    return { kind: 'delivered', result: {} } as const
  }
}

test('delivery goes on within 2 s of its return, with what was in hand as well', async () => {
  const targets = new Targets()
  const events: Event[] = []
  const [first, store] = [worker(targets, events), worker(targets, events)]
  // The one is far from done, and the other in hand to the last mapping, when the database goes.
  const long = newRequest({ lane: 'brisk', total: 3000 })
  const inHand = newRequest({ lane: 'slow', total: 10 })
  for (const request of [long, inHand]) await store.insert(request)
  await vi.waitFor(() => expect(lanes(targets)).toEqual(new Set(['brisk', 'slow'])), 5000)
  await postgres.crash()
  await pause(AWAY_MS)
  expect(events.filter(({ event }) => event === 'worker_lost')).toHaveLength(2)
  targets.isQuick = true
  targets.calls.length = 0

  await postgres.restart()
  const returnedAt = performance.now()
  const took = await Promise.all(
    ['brisk', 'slow'].map((lane) => {
      return vi.waitFor(() => {
        const call = targets.calls.find((seen) => seen.lane === lane)
        if (call === undefined) throw new Error(`${lane} is not called`)
        return Math.ceil(call.at - returnedAt)
      }, 20_000)
    }),
  )
  console.log(`away for ${AWAY_MS} ms: calls again ${took.join(' and ')} ms after its return`)
  for (const each of took) expect(each).toBeLessThan(RESUMES_WITHIN_MS)
  for (const request of [inHand, long]) {
    await vi.waitFor(async () => {
      const { completed } = await audited(first, request)
      expect(completed).toBe(request.total)
    }, 60_000)
  }
  // Nobody died with anything: the database was away, and the workers knew it.
  expect(events.filter(({ event }) => event === 'batches_rescued')).toEqual([])
}, 120_000)

/** Starts a worker with a store of its own, which it gives. */
function worker(targets: Targets, events: Event[]) {
  const { url } = postgres
  const store = postgresStore({ url, listenUrl: url, connections: 5 })
  const dispatcher = new Dispatcher({
    store,
    deliver: deliverer((lane) => targets.connection(lane), literalOnly, systemClock),
    rules: () => ({
      limits: { concurrency: 10, rate: null },
      retry: { attempts: 3, first: 100, cap: 1000 },
      answers: USUAL_ANSWERS,
      together: 1,
      readable: false,
    }),
    clock: systemClock,
    random: systemRandom,
    newId: () => newId(systemClock.now()),
    emit: (event) => events.push(event),
    host: 'here',
    retention: 86_400_000,
  })
  void dispatcher.start()
  onTestFinished(async () => {
    await dispatcher.stop(systemClock.now() + 1000)
    await store.close()
  })
  return store
}

function lanes({ calls }: Targets): ReadonlySet<string> {
  return new Set(calls.map(({ lane }) => lane))
}
