import { describe, expect, test } from 'vitest'
import type { Rehearsal } from '../../src/client/index.ts'
import { FakeSluice, problem } from '../client/fake.ts'
import { sluice } from './run.ts'

const CRM: Rehearsal['lanes'][number] = {
  target: 'crm',
  kind: 'http',
  mappings: 1200,
  batches: 240,
  reads_from: ['shop'],
  predicted_seconds: 130,
  bounded_by: 'rate',
  because: 'crm may be called 10/s.',
  mappings_before: 0,
  gate: { state: 'open', until: null, reason: null },
  limits: { concurrency: 20, rate: ['10/s'], learned_rate: null, mappings_per_call: 1 },
  call_ms: null,
}

const REHEARSAL: Rehearsal = {
  would_be: 'accepted',
  replay_of: null,
  problem: null,
  total_mappings: 1201,
  skipped_mappings: 0,
  priority: 'HIGH',
  batches: 241,
  batch_size: 5,
  predicted_seconds: null,
  lanes: [CRM, { ...CRM, target: 'billing', mappings: 1, batches: 1, predicted_seconds: null }],
  mappings: [
    {
      id: 'ada',
      source: 'shop',
      target: 'crm',
      record: 'source',
      payload: { email: '{% $lowercase(record.email) %}' },
      depends_on_record: ['#/email'],
      read: { method: 'GET', url: 'https://shop.example.com/ada', headers: {}, body: null },
      write: { mappings: ['ada'], holds_up_to: 1, call: { statement: 'INSERT', parameters: [] } },
      error: null,
      notes: [],
    },
    {
      id: 'bad\u001b[2J',
      source: 'shop',
      target: 'billing',
      record: 'data',
      payload: null,
      depends_on_record: [],
      read: null,
      write: null,
      error: { code: 'transformation_failed', stage: 'transform', message: 'No number.' },
      notes: ['The call is too large to be shown.'],
    },
  ],
}

/** What the command makes of an answer. */
async function shown(rehearsal: Rehearsal, ...args: readonly string[]) {
  await using fake = await FakeSluice.start()
  fake.answers.push({ status: 200, body: rehearsal })
  const options = ['--validate-only', '--url', fake.url, ...args]
  const ran = await sluice(['submit', 'examples/sample.json', ...options])
  return { ...ran, sent: fake.received[0] }
}

describe('submit --validate-only', () => {
  test('shows what would happen, with nothing in it that a terminal would obey', async () => {
    const { code, stdout, stderr, sent } = await shown(REHEARSAL)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(sent?.query).toEqual({ validate_only: 'true' })
    expect(stdout).toBe(`\
It would be accepted: 1,201 mappings at HIGH, in 241 batches, done nobody can tell when.

crm (http): 1,200 mappings in 240 batches, in about 2 min 10 s
  crm may be called 10/s.

billing (http): 1 mapping in 1 batch, nobody can tell when
  crm may be called 10/s.

ada: shop → crm
  reads         GET https://shop.example.com/ada
  writes        {"statement":"INSERT","parameters":[]}
  payload       {"email":"{% $lowercase(record.email) %}"}
  of the record #/email

bad\\u001b[2J: shop → billing
  fails         transformation_failed: No number.
  note          The call is too large to be shown.
`)
  })

  test('as JSON, under the key that is given', async () => {
    const { stdout, sent } = await shown(REHEARSAL, '--json', '--idempotency-key', 'nightly')
    expect(JSON.parse(stdout)).toEqual(REHEARSAL)
    expect(sent?.headers['idempotency-key']).toBe('nightly')
  })

  test('of a stream as well, with its options in the address', async () => {
    const args = ['--format', 'ndjson', '--priority', 'LOW', '--on-invalid', 'skip']
    const { code, stdout, sent } = await shown({ ...REHEARSAL, skipped_mappings: 2 }, ...args)
    expect({ code, type: sent?.headers['content-type'] }).toEqual({
      ...{ code: 0, type: 'application/x-ndjson' },
    })
    expect(sent?.query).toEqual({ validate_only: 'true', priority: 'LOW', on_invalid: 'skip' })
    expect(sent?.headers['idempotency-key']).toBeUndefined()
    expect(stdout).toContain('nobody can tell when. 2 of them are not good, and would fail.\n')
  })

  test('says that it would not be taken again', async () => {
    const { code, stdout } = await shown({
      ...REHEARSAL,
      would_be: 'replayed',
      replay_of: 'request-1',
    })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^It would not be taken again: the key stands for request-1\.\n/)
  })

  test.each([
    [503, 'overloaded', 3],
    [422, 'idempotency-key-reused', 2],
  ] as const)(
    'says why it would be refused, and ends as a refusal does (%i)',
    async (status, slug, expected) => {
      const { code, stdout } = await shown({
        ...REHEARSAL,
        would_be: 'refused',
        problem: { type: `/problems/${slug}`, title: '', status, detail: 'Not now.' },
      })
      expect(code).toBe(expected)
      expect(stdout).toMatch(/^It would be refused now: Not now\.\nOr else: 1,201 mappings/)
    },
  )

  test('ends with 2 where the request is not good', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push(problem(400, 'validation-failed', 'Mend it.'))
    const args = ['submit', 'examples/sample.json', '--validate-only', '--url', fake.url]
    expect(await sluice(args)).toEqual({ code: 2, stdout: '', stderr: 'error: Mend it.\n' })
  })
})
