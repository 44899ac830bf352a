import { spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { MAIN, sluice } from './run.ts'

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-demo-'))
})

afterAll(() => rm(directory, { recursive: true }))

/** Settings of an instance of its own, on any free port. */
function own(name: string) {
  return { PORT: '0', SLUICE_DATA_DIR: join(directory, name), SLUICE_SIMULATED_LATENCY: '1ms' }
}

test('demo starts an instance, carries out a hundred mappings, and stops it', async () => {
  const { code, stdout, stderr } = await sluice(['demo'], { env: own('demo') })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/started an instance at http:\/\/127\.0\.0\.1:\d+/)
  expect(stdout).toContain('100%  100/100')
  expect(stdout.match(/│ (completed|failed) +│/g)).toHaveLength(100)
  expect(stdout).toMatch(/\d+ of 100 mappings completed/)
  expect(stdout).toContain('npm start')
}, 60_000)

test('serve answers the other commands, and ends with 0 when it is told to stop', async () => {
  const instance = await serving(own('serve'))
  const { url } = instance
  const submitted = await sluice(['submit', 'examples/sample.json', '--wait', '--url', url])
  expect(submitted.stdout).toMatch(/^[\da-f-]{36}\n$/)
  const id = submitted.stdout.trim()
  const line = (index: number) => `{"id": "m${index}", "source": "shop", "target": "crm"}\n`
  const lines = Array.from({ length: 50_000 }, (_, index) =>
    index === 40_000 ? '{}\n' : line(index),
  )
  const args = ['submit', '-', '--format', 'ndjson', '--url', url]
  const refused = await sluice(args, { input: lines.join('') })
  expect(refused).toMatchObject({ code: 2, stdout: '' })
  expect(refused.stderr).toContain('#/mappings/40000/id (line 40001): ')
  const listed = await sluice(['results', id, '--json', '--url', url])
  const results = listed.stdout.trimEnd().split('\n')
  expect(results.map((line) => JSON.parse(line))).toMatchObject([
    { id: 'customer-1001', target: 'crm' },
    { id: 'order-2001', target: 'billing' },
    { id: 'product-3001', target: 'search' },
  ])
  for await (const request of new Sluice({ baseUrl: url }).requests()) {
    expect(request).toMatchObject({ request_id: id, total_mappings: 3 })
  }
  instance.child.kill('SIGTERM')
  expect(await instance.ended).toEqual({ code: 0, stderr: '' })
}, 60_000)

test('serve stops at once when it is told a second time', async () => {
  const instance = await serving({ ...own('slow'), SLUICE_SIMULATED_LATENCY: '10m' })
  const submitted = await sluice(['submit', 'examples/sample.json', '--url', instance.url])
  const client = new Sluice({ baseUrl: instance.url })
  await eventually(async () => {
    const { status } = await client.status(submitted.stdout.trim())
    expect(status).toBe('in_progress')
  })
  instance.child.kill('SIGTERM')
  await instance.logged('draining')
  const again = setInterval(() => instance.child.kill('SIGTERM'), 100)
  expect(await instance.ended).toEqual({ code: 1, stderr: '' })
  clearInterval(again)
}, 60_000)

describe('serve says why it cannot start, and ends with 3', { timeout: 60_000 }, () => {
  test('where its port is taken', async () => {
    await using other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const port = String(typeof address === 'object' ? address?.port : '')
    expect(await sluice(['serve', '--port', port], { env: own('taken') })).toMatchObject({
      code: 3,
      stderr: `error: Port ${port} is taken on 127.0.0.1; choose another with PORT.\n`,
    })
  })

  test('where its systems file is none', async () => {
    const env = { ...own('none'), SLUICE_SYSTEMS_FILE: directory }
    const { code, stderr } = await sluice(['serve'], { env })
    expect(code).toBe(3)
    expect(stderr).toContain(`Cannot read the systems file ${directory}. Is it a file,`)
  })

  test('where the systems file is a link that leads nowhere, and nothing would be real', async () => {
    const place = join(directory, 'linked')
    await mkdir(place)
    await symlink(join(directory, 'gone.yaml'), join(place, 'systems.yaml'))
    const { code, stderr } = await sluice(['serve'], { env: own('linked-data'), directory: place })
    expect(code).toBe(3)
    expect(stderr).toContain('Cannot read the systems file ./systems.yaml. Is it a file,')
  })

  test('where its host is not this machine', async () => {
    const env = { ...own('elsewhere'), HOST: '192.0.2.1', SLUICE_ALLOW_ANONYMOUS: 'true' }
    expect(await sluice(['serve'], { env })).toMatchObject({
      code: 3,
      stderr:
        'error: This machine does not have the address 192.0.2.1; ' +
        'choose one that it has with HOST.\n',
    })
  })
})

/** A running `sluice serve`. */
async function serving(env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN, 'serve'], { env, timeout: 50_000 })
  const closed = once(child, 'close')
  const stderr = text(child.stderr)
  const log = createInterface(child.stdout)
  const logged = async (message: string) => {
    for await (const [line] of on(log, 'line', { close: ['close'] })) {
      const entry: { msg?: string; url?: string } = JSON.parse(line)
      if (entry.msg === message) return entry
    }
    throw new Error(`the instance ended before it logged "${message}"`)
  }
  const { url = '' } = await logged('started')
  const ended = closed.then(async () => ({ code: child.exitCode, stderr: await stderr }))
  return { child, url, logged, ended }
}
