// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the references of a systems file
/** Rehearsals in the real service: no system hears of them, no secret is told, nothing is left. */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { expectNothingOf } from '../deliver/previews.ts'
import { startService, temporaryDirectory, writeSystems } from '../support/process.ts'
import { childrenOf, isAlive, soon } from '../support/processes.ts'

const SECRET = 'QZXJ7VKW93YHBUPTGFD'

/** Listens, and counts whoever comes. */
async function lonelyTarget(): Promise<{ url: string; connections(): number }> {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, connections: () => connections }
}

async function rehearse(url: string, body: object) {
  const answer = await fetch(`${url}/ingest?validate_only=true`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

test('no system is called, and no secret is told', async () => {
  const target = await lonelyTarget()
  const directory = await temporaryDirectory()
  writeFileSync(join(directory, 'secret'), `${SECRET}\n`)
  const secret = `\${file:${join(directory, 'secret')}}`
  const http = { kind: 'http', base_url: target.url, allow_private: ['127.0.0.0/8'] }
  await writeSystems(directory, {
    crm: { ...http, auth: { type: 'bearer', token: '${TOKEN}' }, read: { path: '/{id}' } },
    oauth: {
      ...http,
      auth: {
        type: 'oauth2_client_credentials',
        token_url: target.url,
        client_id: 'sluice',
        client_secret: secret,
      },
      write: { method: 'PUT', path: '/hooks/${TOKEN}/{id}', query: { key: secret } },
    },
    db: {
      kind: 'postgres',
      url: `postgres://u:${SECRET}@127.0.0.1:${new URL(target.url).port}/d`,
      allow_private: ['127.0.0.0/8'],
      write: { table: 't', key: 'id', columns: ['email'] },
    },
  })
  const service = startService({ directory, env: { TOKEN: SECRET, LOG_LEVEL: 'debug' } })
  const url = await service.started()
  const transformation = { email: '{% $lowercase(record.email) %}', of: '{% id %}' }
  const mappings = [
    { id: 'a', source: 'crm', target: 'oauth', transformation },
    { id: 'b', source: 'crm', target: 'db', transformation, data: { email: 'B@EXAMPLE.COM' } },
    { id: 'c', source: 'db', target: 'oauth', transformation: { n: '{% $number(id) %}' } },
  ]
  const { status, body } = await rehearse(url, { mappings })
  expect(status).toBe(200)
  expect(body).toMatchObject({
    would_be: 'accepted',
    lanes: [
      { target: 'oauth', kind: 'http', reads_from: ['crm'] },
      { target: 'db', kind: 'postgres', limits: { mappings_per_call: 100 } },
    ],
    mappings: [
      {
        payload: { email: '{% $lowercase(record.email) %}', of: 'a' },
        depends_on_record: ['#/email'],
        read: { url: `${target.url}/a`, headers: { authorization: 'Bearer ***' } },
        write: {
          call: {
            url: `${target.url}/hooks/***/a?key=***`,
            headers: { authorization: 'Bearer ***' },
          },
        },
      },
      {
        payload: { email: 'b@example.com', of: 'b' },
        write: { call: { parameters: ['[{"id":"b","email":"b@example.com"}]'] } },
      },
      { write: null, error: { code: 'transformation_failed', stage: 'transform' } },
    ],
  })
  expectNothingOf(SECRET, body)
  service.kill('SIGTERM')
  expect((await service.ended).code).toBe(0)
  expect(target.connections()).toBe(0)
  expectNothingOf(SECRET, service.lines)
})

test('without a systems file, what is simulated is shown', async () => {
  const service = startService({ directory: await temporaryDirectory() })
  const mappings = [{ id: 'a', source: 'crm', target: 'shop', transformation: { x: 1 } }]
  const { body } = await rehearse(await service.started(), { mappings })
  expect(body).toMatchObject({
    would_be: 'accepted',
    predicted_seconds: 1,
    lanes: [{ target: 'shop', kind: 'simulated', call_ms: 50 }],
    mappings: [{ write: { call: { body: { x: 1 }, latency_ms: 50, success_rate: 0.9 } } }],
  })
})

const LINUX_ONLY = 'reads /proc'

test.runIf(process.platform === 'linux')(
  `the process that computes starts with the first expression, and ends with the service (${LINUX_ONLY})`,
  async () => {
    const service = startService({ directory: await temporaryDirectory() })
    const url = await service.started()
    const mapping = { id: 'a', source: 'crm', target: 'shop' }
    await rehearse(url, { mappings: [{ ...mapping, transformation: { x: 'text' } }] })
    expect(childrenOf(service.pid)).toEqual([])
    await rehearse(url, { mappings: [{ ...mapping, transformation: { x: '{% id %}' } }] })
    const [transformer = 0] = childrenOf(service.pid)
    expect(readFileSync(`/proc/${transformer}/cmdline`, 'utf8')).toContain('--permission')
    service.kill('SIGTERM')
    expect((await service.ended).code).toBe(0)
    await soon(() => (isAlive(transformer) ? undefined : true))
  },
)
