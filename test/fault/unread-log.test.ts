/** A log that nobody reads holds up neither the work nor the end of the service. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Readable } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { SERVE, temporaryDirectory, writeSystems } from '../support/process.ts'
import { HeldTarget } from './target.ts'

/** More log lines, of some 200 bytes each, than all pipes and buffers between us hold. */
const LINES = 3000
const AT_ONCE = 50

describe('a service whose log nobody reads', { timeout: 60_000 }, () => {
  test('answers and carries out all the same, and ends with 0 when it is told to', async () => {
    const { child, url } = await start({ shop: { kind: 'simulated', success_rate: 1 } })
    await fillTheLog(url)
    const client = new Sluice({ baseUrl: url })
    const { request_id } = await client.submit({ mappings: [mapping] })
    expect(await client.wait(request_id)).toMatchObject({ status: 'completed' })
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('ends at once when it is told a second time', async () => {
    const target = await HeldTarget.open()
    const { child, url } = await start({ shop: target.system(1) })
    await new Sluice({ baseUrl: url }).submit({ mappings: [mapping] })
    await target.called(1)
    await fillTheLog(url)
    child.kill('SIGTERM')
    while (await isListening(url));
    const again = setInterval(() => child.kill('SIGTERM'), 100)
    expect(await once(child, 'exit')).toEqual([1, null])
    clearInterval(again)
  })
})

/** Linux has a file that is always full. */
const FULL = '/dev/full'

test.skipIf(!existsSync(FULL))(
  'a service whose log is on a full disk ends with 0 when it is told to',
  { timeout: 60_000 },
  async () => {
    const port = await freePort()
    const log = await open(FULL, 'w')
    const child = spawnService(await temporaryDirectory(), { PORT: port }, log.fd)
    await log.close()
    while (!(await isListening(`http://127.0.0.1:${port}`)));
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  },
)

const mapping = { id: 'a', source: 'shop', target: 'shop', data: {} }

/** Starts the service, and reads its log until it answers, and no further. */
async function start(systems: object): Promise<{ child: ChildProcess; url: string }> {
  const directory = await temporaryDirectory()
  await writeSystems(directory, systems)
  const child = spawnService(directory, { PORT: '0' }, 'pipe')
  if (child.stdout === null) throw new Error('the log cannot be read')
  return { child, url: await firstUrl(child.stdout) }
}

function spawnService(
  directory: string,
  env: Readonly<Record<string, string>>,
  log: 'pipe' | number,
): ChildProcess {
  const [file = '', ...args] = SERVE
  const child = spawn(file, args, {
    cwd: directory,
    env: { PATH: process.env['PATH'], LOG_LEVEL: 'debug', ...env },
    stdio: ['ignore', log, 'inherit'],
  })
  onTestFinished(async () => {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null
    child.kill('SIGKILL')
    await ended
  })
  return child
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return String(typeof address === 'object' ? address?.port : address)
}

async function firstUrl(log: Readable): Promise<string> {
  let text = ''
  for (;;) {
    const chunk: unknown = log.read()
    text += chunk ?? ''
    const [, url] = /"url":"([^"]+)"/.exec(text) ?? []
    if (url !== undefined) return url
    if (chunk === null) await once(log, 'readable')
  }
}

async function fillTheLog(url: string): Promise<void> {
  for (let line = 0; line < LINES; line += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => (await fetch(`${url}/livez`)).text()),
    )
  }
}

async function isListening(url: string): Promise<boolean> {
  return fetch(`${url}/livez`).then(
    () => true,
    () => false,
  )
}
