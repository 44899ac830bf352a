/** A log that nobody reads holds up neither the work nor the end of the service. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
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

const mapping = { id: 'a', source: 'shop', target: 'shop', data: {} }

/** Starts the service, and reads its log until it answers, and no further. */
async function start(systems: object): Promise<{ child: ChildProcess; url: string }> {
  const directory = await temporaryDirectory()
  await writeSystems(directory, systems)
  const [file = '', ...args] = SERVE
  const child = spawn(file, args, {
    cwd: directory,
    env: { PORT: '0', PATH: process.env['PATH'], LOG_LEVEL: 'debug' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null
    child.kill('SIGKILL')
    await ended
  })
  return { child, url: await firstUrl(child.stdout) }
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
