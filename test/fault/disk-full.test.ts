/** A full disk: nothing is taken, nothing is lost, and there is no need to restart. */
import { spawnSync } from 'node:child_process'
import { appendFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { SERVE, startService, temporaryDirectory, writeSystems } from '../support/process.ts'
import { auditFinished } from './audit.ts'
import { type Posted, post } from './load.ts'
import { HeldTarget } from './target.ts'

/** Mounts a small disk of its own over the data directory; nobody else sees it. */
const ON_A_SMALL_DISK = [
  ...['unshare', '--map-root-user', '--mount', 'sh', '-c'],
  'mount -t tmpfs -o size=4m tmpfs data && exec "$@"',
  'sh',
]

/** Only Linux has this, and not everywhere may everybody do it. */
const canMount =
  spawnSync('unshare', ['--map-root-user', '--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'])
    .status === 0

test.skipIf(!canMount)(
  canMount
    ? 'a full disk refuses new requests, and only them, until there is room again'
    : 'a full disk (skipped: this machine does not let us mount a small one)',
  async () => {
    const directory = await temporaryDirectory()
    await mkdir(join(directory, 'data'))
    const target = await HeldTarget.open()
    await writeSystems(directory, { shop: target.system(4) })
    const service = startService({ directory, command: [...ON_A_SMALL_DISK, ...SERVE] })
    const url = await service.started()
    const client = new Sluice({ baseUrl: url })
    const ballast = join(`/proc/${service.pid}/root`, directory, 'data', 'ballast')
    await readiness(url, 200)
    const early = newRequest('early')
    await accepted(url, early)
    await target.called(1)

    await fillDisk(ballast)
    const refusal = await fetch(`${url}/ingest`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: newRequest('refused').body,
    })
    expect(refusal.status).toBe(503)
    expect(await refusal.json()).toMatchObject({ type: '/problems/storage-unavailable' })
    expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0)
    await readiness(url, 503)

    // What was delivered meanwhile cannot be written yet. It is kept in mind, and can be read about.
    target.release()
    await service.logged('store_unavailable')
    const status = await client.status(String(early.request))
    expect(status).toMatchObject({ status: 'in_progress', processed_mappings: 0 })

    await readiness(url, 503)

    await rm(ballast)
    await readiness(url, 200)
    await auditFinished(client, early)
    expect(target.keys).toHaveLength(1)
    const late = newRequest('late')
    await accepted(url, late)
    await auditFinished(client, late)
    const known: string[] = []
    for await (const { request_id } of client.requests()) known.push(request_id)
    expect(known).toEqual([late.request, early.request])
  },
  60_000,
)

function newRequest(key: string): Posted {
  const mapping = { id: key, source: 'shop', target: 'shop', data: {} }
  return { key, body: JSON.stringify({ mappings: [mapping] }), ids: [key], request: null }
}

/** Asks until the answer is this one; it may be a second old. */
async function readiness(url: string, expected: number): Promise<void> {
  while ((await fetch(`${url}/readyz`)).status !== expected);
}

async function accepted(url: string, posted: Posted): Promise<void> {
  const reply = await post(url, posted)
  if (reply.kind !== 'acknowledged') throw new Error(`it was ${reply.kind}`)
  posted.request = reply.request
}

/** Leaves not a byte free. */
async function fillDisk(ballast: string): Promise<void> {
  for (const size of [65_536, 4096, 1]) {
    await expect(
      (async () => {
        for (;;) await appendFile(ballast, Buffer.alloc(size))
      })(),
    ).rejects.toMatchObject({ code: 'ENOSPC' })
  }
}
