/**
 * Everything at once: four workers and two APIs around one PostgreSQL under load, while processes are
 * killed, stopped and continued, and PostgreSQL crashes and restarts, as a seed has it. Afterwards
 * nothing is lost, doubled or counted wrongly, and no system has seen more than it allows.
 */
import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest'
import { Sluice } from '../../../src/client/index.ts'
import type { DurationMs } from '../../../src/core/units.ts'
import { seededRandom } from '../../../src/lib/random.ts'
import { migrate } from '../../../src/store/postgres/migrate.ts'
import { type PostgresServer, startPostgres } from '../../support/postgres.ts'
import { auditFinished } from '../audit.ts'
import { Load, type Posted } from '../load.ts'
import {
  doubleDeliveries,
  leaseBreaches,
  needlessRepeats,
  type SeenCall,
  strayKeys,
  tooManyASecond,
  tooManyAtOnce,
  withoutLastBreaths,
} from './checks.ts'
import { Clients } from './clients.ts'
import { APIS, Cluster, WORKERS } from './cluster.ts'
import { LeaseWatch } from './leases.ts'
import { DATABASE, plan } from './plan.ts'
import { MANNERS, Systems } from './systems.ts'

const LENGTH_MS: DurationMs = 1000 * Number(process.env['CHAOS_SECONDS'] ?? 30)
const FINISHES_WITHIN_MS: DurationMs = 90_000

/** A worker that was silent for so long gives itself up. */
const LAST_BREATHS = { givenUpAfter: 13_000, within: 200 }

/**
 * Every worker that there may be, the dead among them, may be a call ahead of an even spread; and calls
 * that were spread when they were made may be bunched by a tenth of a second on their way.
 */
const AHEAD = 2 * WORKERS.length
const BUNCHED = 0.1

let postgres: PostgresServer

beforeAll(async () => {
  postgres = await startPostgres()
  await migrate(postgres.url)
})

afterAll(() => postgres.stop())

test(
  `${LENGTH_MS / 1000} s of chaos lose, double and starve nothing, and every limit holds`,
  async () => {
    const seed = Number(process.env['FAULT_SEED'] ?? randomInt(2 ** 31))
    const steps = plan(seededRandom(seed), LENGTH_MS, WORKERS, APIS)
    const systems = await Systems.open(seededRandom(seed + 1))
    const cluster = new Cluster(postgres, systems)
    onTestFailed(() => console.log([`FAULT_SEED=${seed}`, ...cluster.history].join('\n')))
    await cluster.start()

    const load = new Load(seededRandom(seed + 2), Object.keys(MANNERS))
    const random = seededRandom(seed + 3)
    const clients = new Clients(load, random, () => cluster.url(random))
    const leases = new LeaseWatch(postgres.url)
    const watching = leases.run()
    const posting = clients.run()
    await cluster.sufferAll(steps)
    clients.end()
    await posting
    cluster.note('all is well again')
    const client = new Sluice({ baseUrl: cluster.url(random) })
    const finished = await Promise.all(load.posted.map((posted) => whatCompleted(client, posted)))
    cluster.note('all is finished')
    leases.end()
    await watching
    await cluster.stop()

    const { calls } = systems
    const mappings = load.posted.flatMap(({ ids }) => ids)
    const repeats = calls.length - new Set(calls.map(({ key }) => key)).size
    console.log(
      `chaos with FAULT_SEED=${seed}: ${steps.length} misfortunes, ${load.posted.length} requests, ` +
        `${mappings.length} mappings, ${calls.length} calls (${repeats} again), ` +
        `${leases.samples.length} looks at leases`,
    )
    expect(clients.breaches).toEqual([])
    expect(neverTaken(finished.flat(), calls)).toEqual([])
    expect(leaseBreaches(leases.samples)).toEqual([])
    expect(strayKeys(calls)).toEqual([])
    const troubles = cluster.troubles.filter(({ victim }) => !victim.startsWith('api'))
    expect(needlessRepeats(calls, troubles)).toEqual([])
    const stops = troubles.filter(({ victim }) => victim !== DATABASE)
    const meant = withoutLastBreaths(calls, stops, LAST_BREATHS)
    expect(calls.length - meant.length).toBeLessThanOrEqual(stops.length)
    expect(doubleDeliveries(meant)).toEqual([])
    for (const [system, { concurrency, rate }] of Object.entries(MANNERS)) {
      const own = meant.filter((call) => call.system === system)
      expect(own.length).toBeGreaterThan(0)
      expect(tooManyAtOnce(own, concurrency)).toEqual([])
      if (rate === undefined) continue
      expect(tooManyASecond(own, rate * (1 + BUNCHED) + AHEAD)).toEqual([])
    }
  },
  LENGTH_MS + FINISHES_WITHIN_MS,
)

/** Audits a request, and gives the mappings of it that are said to be completed. */
async function whatCompleted(client: Sluice, posted: Posted): Promise<readonly string[]> {
  const { request_id } = await auditFinished(client, posted)
  const completed: string[] = []
  for await (const { id, status } of client.results(request_id)) {
    if (status === 'completed') completed.push(id)
  }
  return completed
}

/** What is said to be completed, though its system never said that it took it. */
function neverTaken(completed: readonly string[], calls: readonly SeenCall[]): readonly string[] {
  const taken = new Set(
    calls.flatMap(({ mapping, answer }) => (answer === 'taken' ? [mapping] : [])),
  )
  return completed.filter((id) => !taken.has(id))
}
