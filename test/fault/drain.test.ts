/** Being told to stop: calls in flight end and count, and nothing that was accepted is lost. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { seededRandom } from '../../src/lib/random.ts'
import { type Service, startService, temporaryDirectory, writeSystems } from '../support/process.ts'
import { auditFinished } from './audit.ts'
import { Load } from './load.ts'
import { HeldTarget } from './target.ts'

const CONCURRENCY = 4

describe('a service that is told to stop', { timeout: 60_000 }, () => {
  test('takes nothing more, from that moment on', async () => {
    const { service, url, posting } = await underLoad()
    service.kill('SIGTERM')
    await service.logged('draining')
    expect(await readiness(url)).not.toBe(200)
    await posting
  })

  test('lets the calls in flight end, counts them, and ends with 0', async () => {
    const { service, target, load, posting, directory } = await underLoad()
    service.kill('SIGTERM')
    await service.logged('draining')
    target.release()
    expect(await service.ended).toEqual({ code: 0, stderr: '' })
    await posting
    expect(service.lines.at(-1)).toMatchObject({ msg: 'stopped' })
    expect(target.keys).toHaveLength(CONCURRENCY)
    expect(stored(directory)).toEqual({ leased: 0, rescues: 0, completed: CONCURRENCY })

    await expectAllDelivered(directory, load)
    expect(new Set(target.keys).size).toBe(target.keys.length)
  })

  test('takes a signal that is passed on as well, as npm does, for one', async () => {
    const { service, target, load, posting, directory } = await underLoad()
    service.kill('SIGINT')
    service.kill('SIGTERM')
    await service.logged('draining')
    target.release()
    expect(await service.ended).toEqual({ code: 0, stderr: '' })
    await posting
    await expectAllDelivered(directory, load)
  })

  test('ends with 0 at its deadline where calls do not end, and blames no mapping', async () => {
    const { service, target, load, posting, directory } = await underLoad('2s')
    const toldAt = performance.now()
    service.kill('SIGTERM')
    expect(await service.ended).toEqual({ code: 0, stderr: '' })
    expect(performance.now() - toldAt).toBeLessThan(2000)
    await posting
    expect(stored(directory)).toEqual({ leased: 0, rescues: 0, completed: 0 })

    target.release()
    await expectAllDelivered(directory, load)
  })

  test('ends at once, and not with 0, when it is told a second time, and loses nothing', async () => {
    const { service, target, load, posting, directory } = await underLoad()
    service.kill('SIGTERM')
    expect(await insisted(service)).toEqual({ code: 1, stderr: '' })
    await posting

    target.release()
    await expectAllDelivered(directory, load)
  })
})

/** A service under load, with as many calls in flight as there may be. */
async function underLoad(drainTimeout = '20s') {
  const directory = await temporaryDirectory()
  const target = await HeldTarget.open()
  await writeSystems(directory, { shop: target.system(CONCURRENCY) })
  const load = new Load(seededRandom(1), ['shop'])
  const service = startService({ directory, env: { SLUICE_DRAIN_TIMEOUT: drainTimeout } })
  const url = await service.started()
  const posting = load.run(url)
  await target.called(CONCURRENCY)
  return { directory, target, load, service, url, posting }
}

/** How it ends when it is told again and again. */
async function insisted(service: Service) {
  const again = setInterval(() => service.kill('SIGTERM'), 100)
  const ended = await service.ended
  clearInterval(again)
  return ended
}

/** The answer of /readyz: its status, or that nobody listens any more. */
async function readiness(url: string): Promise<number | 'nobody listens'> {
  try {
    return (await fetch(`${url}/readyz`)).status
  } catch {
    return 'nobody listens'
  }
}

/** Starts the service again, and checks that every request it had accepted is carried out in full. */
async function expectAllDelivered(directory: string, load: Load): Promise<void> {
  const again: Service = startService({ directory })
  const client = new Sluice({ baseUrl: await again.started() })
  const accepted = load.posted.filter(({ request }) => request !== null)
  expect(accepted).not.toEqual([])
  for (const posted of accepted) {
    const { completed_mappings } = await auditFinished(client, posted)
    expect(completed_mappings).toBe(posted.ids.length)
    for await (const { attempts } of client.results(String(posted.request))) {
      expect(attempts).toBe(1)
    }
  }
}

/** What a service that has ended left in its store. */
function stored(directory: string) {
  const database = new DatabaseSync(join(directory, 'data', 'sluice.db'), { readOnly: true })
  const row = database
    .prepare(
      `SELECT count(*) FILTER (WHERE state = 'leased') AS leased, sum(rescues) AS rescues,
         sum(completed) AS completed FROM batches`,
    )
    .get()
  database.close()
  return { ...row }
}
