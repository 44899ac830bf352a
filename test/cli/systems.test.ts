import { describe, expect, test } from 'vitest'
import { Sluice, type System } from '../../src/client/index.ts'
import { FakeSluice } from '../client/fake.ts'
import { sluice } from './run.ts'

const CRM: System = {
  name: 'crm',
  kind: 'http',
  gate: { state: 'held', until: '2026-01-31T12:01:00.000Z', reason: 'Answered 401 Unauthorized.' },
  limits: {
    configured: {
      concurrency: 20,
      adaptive_from: null,
      rate: ['100/s'],
      burst: null,
      cost: { read: 1, write: 1 },
    },
    in_force: { concurrency: 10, rate: ['100/s'] },
    learned: {
      limit: 100,
      window_seconds: 60,
      remaining: 12,
      resets_at: '2026-01-31T12:00:30.000Z',
      at: '2026-01-31T12:00:00.000Z',
      rate: 97.5,
    },
  },
  override: { concurrency: 10, rate: null, paused: false },
  ready_mappings: 1234,
  in_flight_mappings: 10,
  waiting_mappings: 5,
  mappings_per_minute: 2950,
  oldest_wait_seconds: 130,
  last_error: {
    code: 'target_unauthorized',
    message: 'Answered 401 \u001b[2J',
    http_status: 401,
    at: '2026-01-31T12:00:00.000Z',
  },
}

/** Runs the command against a server that answers each call with the next of these. */
async function run(bodies: readonly unknown[], ...args: string[]) {
  await using fake = await FakeSluice.start()
  fake.answers.push(...bodies.map((body) => ({ status: 200, body })))
  const ran = await sluice(['systems', ...args, '--url', fake.url])
  const sent = fake.received.map(({ method, path, body }) =>
    body === '' ? `${method} ${path}` : `${method} ${path} ${body}`,
  )
  return { ...ran, sent }
}

describe('systems', () => {
  test('lists all of them, a row each', async () => {
    const { code, stdout, sent } = await run([{ systems: [CRM], next_cursor: null }])
    expect(code).toBe(0)
    expect(sent).toEqual(['GET /systems'])
    expect(stdout).toMatch(/crm.*http.*held until 2026-01-31T12:01:00.000Z.*1,234.*10.*5.*2,950/)
  })

  test('says so where there is none', async () => {
    const { code, stdout } = await run([{ systems: [], next_cursor: null }])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^No system has had work recently/)
  })

  test('shows one, in words, with nothing in it that a terminal would obey', async () => {
    const { stdout, sent } = await run([CRM], 'crm')
    expect(sent).toEqual(['GET /systems/crm'])
    expect(stdout.split('\n').map((line) => line.replace(/ {2,}/, ': '))).toEqual([
      'system: crm (http)',
      'gate: held: Answered 401 Unauthorized.',
      'until: 2026-01-31T12:01:00.000Z',
      'calls at once 10 (configured: 20)',
      'rate: 100/s',
      'learned: 12 of 100 calls left until 2026-01-31T12:00:30.000Z; about 97.5 calls a second',
      'ready: 1,234',
      'in hand: 10',
      'waiting: 5',
      'per minute: 2,950',
      'oldest wait: 2 min 10 s',
      'last error: 2026-01-31T12:00:00.000Z target_unauthorized: Answered 401 \\u001b[2J',
      '',
    ])
  })

  test('writes JSON', async () => {
    const one = await run([CRM], 'crm', '--json')
    expect(JSON.parse(one.stdout)).toEqual(CRM)
    const all = await run([{ systems: [CRM], next_cursor: null }], '--json')
    expect(JSON.parse(all.stdout)).toEqual([CRM])
  })

  test.each([
    [['--pause'], '{"paused":true}'],
    [['--unpause'], '{"paused":false}'],
    [
      ['--concurrency', '5', '--rate', '50/s', '1000/h'],
      '{"concurrency":5,"rate":["50/s","1000/h"]}',
    ],
    [['--concurrency', 'file', '--rate', 'file'], '{"concurrency":null,"rate":null}'],
  ])('%j changes it', async (options, body) => {
    const { code, sent } = await run([CRM, CRM], 'crm', ...options)
    expect(code).toBe(0)
    expect(sent).toEqual([`PATCH /systems/crm ${body}`, 'GET /systems/crm'])
  })

  test('--resume has it tried again', async () => {
    expect((await run([CRM], 'crm', '--resume')).sent).toEqual(['POST /systems/crm/resume'])
  })

  test.each([
    ['a change of no system', ['--pause']],
    ['two that contradict each other', ['crm', '--pause', '--unpause']],
    ['a concurrency that is no number', ['crm', '--concurrency', 'many']],
  ])('refuses %s, and asks nobody', async (_, args) => {
    const { code, stderr, sent } = await run([], ...args)
    expect({ code, sent }).toEqual({ code: 2, sent: [] })
    expect(stderr).toMatch(/^error: /)
  })
})

test('the client reads systems page by page, and encodes their names', async () => {
  await using fake = await FakeSluice.start()
  for (const next_cursor of ['next', null]) {
    fake.answers.push({ status: 200, body: { systems: [CRM], next_cursor } })
  }
  const client = new Sluice({ baseUrl: fake.url })
  const names: string[] = []
  for await (const { name } of client.systems()) names.push(name)
  expect(names).toEqual(['crm', 'crm'])
  fake.answers.push({ status: 200, body: CRM })
  await client.updateSystem('a/b ü', { rate: '5/s' })
  expect(fake.received.map(({ path }) => path)).toEqual([
    '/systems',
    '/systems',
    '/systems/a%2Fb%20%C3%BC',
  ])
})
