/**
 * The first promise of all: what was acknowledged outlives kill -9. The real service is killed at a
 * random moment under load, a hundred times in a row on one data directory; then it is left alone,
 * and everything is accounted for.
 */
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { seededRandom } from '../../src/lib/random.ts'
import { type Service, startService, temporaryDirectory, writeSystems } from '../support/process.ts'
import { auditFinished } from './audit.ts'
import { Load, post } from './load.ts'

const KILLS = 100
const KILLED_WITHIN_MS = 300
const GOES_ON_WITHIN_MS = 2000
/** A machine that is busy with other things for a moment makes a few restarts late, and none by much. */
const LATE = { number: 10, withinMs: 6000 }

/** Together a little slower than the load, so that there is always something to be killed at. */
const SYSTEMS = {
  swift: { kind: 'simulated', latency: '2ms', success_rate: 1, concurrency: 3 },
  slow: { kind: 'simulated', latency: '8ms', success_rate: 0.98, concurrency: 8, retry: brief(5) },
  flaky: { kind: 'simulated', latency: '4ms', success_rate: 0.7, concurrency: 6, retry: brief(2) },
}

function brief(attempts: number) {
  return { attempts, first: '40ms', cap: '200ms' }
}

test(`${KILLS} times kill -9 lose nothing that was acknowledged, and count nothing wrongly`, async () => {
  const seed = Number(process.env['FAULT_SEED'] ?? randomInt(2 ** 31))
  const random = seededRandom(seed)
  const directory = await temporaryDirectory()
  await writeSystems(directory, SYSTEMS)
  const load = new Load(random, Object.keys(SYSTEMS))
  const wentOnAfter: number[] = []

  async function restart(): Promise<{ service: Service; url: string }> {
    const startedAt = performance.now()
    const service = startService({ directory })
    const url = await service.started()
    await workGoesOn(url, load)
    wentOnAfter.push(performance.now() - startedAt)
    return { service, url }
  }

  for (let kill = 0; kill < KILLS; kill++) {
    const { service, url } = await restart()
    const posting = load.run(url)
    await pause(random() * KILLED_WITHIN_MS)
    service.kill('SIGKILL')
    await posting
    expect(await service.ended).toEqual({ code: null, stderr: '' })
    expect(service.lines.filter(tellsOfABug)).toEqual([])
  }

  const { service, url } = await restart()
  const { lost, replayed } = await postAgain(url, load)
  const client = new Sluice({ baseUrl: url })
  for (const posted of load.posted) await auditFinished(client, posted)
  expect(await everyRequest(client)).toEqual(load.posted.map(({ request }) => request).sort())
  expect(service.lines.filter(tellsOfABug)).toEqual([])
  expect(integrity(directory)).toBe('ok')

  const { length } = load.posted
  const [fastest = 0, median = 0, slowest = 0] = summary(wentOnAfter)
  console.log(
    `kill -9 with FAULT_SEED=${seed}: ${length} requests, ${lost} replies lost (${replayed} of them ` +
      `had been taken); work went on after ${fastest} to ${slowest} ms, ${median} at the median`,
  )
  expect(slowest).toBeLessThan(LATE.withinMs)
  const late = wentOnAfter.filter((took) => took >= GOES_ON_WITHIN_MS)
  expect(late.slice(LATE.number)).toEqual([])
}, 300_000)

/** The least, the middle and the most of some durations, in whole milliseconds. */
function summary(durations: readonly number[]): readonly number[] {
  const sorted = durations.map(Math.ceil).sort((a, b) => a - b)
  return [0, 0.5, 1].flatMap((part) => sorted[Math.floor(part * (sorted.length - 1))] ?? [])
}

/** Resolves when a request that was open has come further, or none is open any more. */
async function workGoesOn(url: string, load: Load): Promise<void> {
  const client = new Sluice({ baseUrl: url })
  const processed = new Map<string, number>()
  for (;;) {
    const open = load.open()
    if (open.length === 0) return
    for (const request of open) {
      const status = await client.status(request)
      const before = processed.get(request)
      if (status.finished_at !== null) load.finished.add(request)
      if (before !== undefined && status.processed_mappings > before) return
      processed.set(request, status.processed_mappings)
    }
  }
}

/**
 * Hands in once more, with its key, what nobody acknowledged. It was wholly taken, and then it is
 * the same request, or wholly not, and then it is a new one: the audit finds it whole either way.
 */
async function postAgain(url: string, load: Load): Promise<{ lost: number; replayed: number }> {
  const lost = load.posted.filter(({ request }) => request === null)
  let replayed = 0
  for (const posted of lost) {
    const reply = await post(url, posted)
    if (reply.kind !== 'acknowledged') throw new Error('a running service takes requests')
    posted.request = reply.request
    if (reply.replayed) replayed += 1
  }
  return { lost: lost.length, replayed }
}

async function everyRequest(client: Sluice): Promise<readonly string[]> {
  const ids: string[] = []
  for await (const { request_id } of client.requests()) ids.push(request_id)
  return ids.sort()
}

function tellsOfABug({ msg }: { readonly msg: string }): boolean {
  return ['request_repaired', 'http_failed', 'worker_lost', 'settlement_refused'].includes(msg)
}

function integrity(directory: string): unknown {
  const database = new DatabaseSync(join(directory, 'data', 'sluice.db'))
  try {
    return database.prepare('PRAGMA integrity_check').get()?.['integrity_check']
  } finally {
    database.close()
  }
}
