/** A rehearsal of a stream does all that happens to one but keeping it. */
import { describe, expect, test } from 'vitest'
import { toCatalogue } from '../../src/intake/systems.ts'
import { NOW } from '../support/requests.ts'
import { COLLIDING, KEY } from './colliding.ts'
import { type Changes, cut, line, lines, received, streamPlanned } from './stage.ts'

/** So many that no piece would hold them all. */
const MANY = 20_000

const CONFIGURED = toCatalogue({
  mode: 'configured',
  names: ['s', 't', 'u', 'shop'],
  readable: ['s', 'u'],
})

async function planOf(body: string, changes: Changes = {}) {
  const planned = await streamPlanned(body, changes)
  if (planned.kind === 'refused') throw new Error(JSON.stringify(planned.problems))
  return planned
}

describe('a rehearsal of a stream refuses what the real thing refuses, in the same words', () => {
  const duplicates = lines(MANY, (n) => (n % 1000 === 999 ? { id: 'm7' } : {}))
  test.each<readonly [string, string, Changes]>([
    ['nothing', '', {}],
    ['nothing but a head', 'id,source,target\n', { format: 'csv' }],
    ['a line that is no JSON, after many', `${lines(MANY)}{\n`, {}],
    ['more bad ones than are told', '1\n'.repeat(500) + lines(MANY), {}],
    ['ids that were there long before', duplicates, {}],
    ['one id for all, to be skipped', '{}\n'.repeat(300), { onInvalid: 'skip' }],
    ['a system that is not there', line(0, { target: 'shup' }), { systems: CONFIGURED }],
    ['a bad expression', line(0, { transformation: { a: '{% ( %}' } }), {}],
    ['a quote that is never closed', 'id,source,target\n"a,s,t\n', { format: 'csv' }],
    ['too many', lines(51), { limits: { maxStreamMappings: 50 } }],
    ['too many targets', lines(1001, (n) => ({ target: `t${n}` })), {}],
  ])('%s', async (_, body, changes) => {
    const refusal = await streamPlanned(body, changes)
    expect(refusal).toMatchObject({ kind: 'refused' })
    expect(refusal).toEqual(await received(body, changes))
  })

  test('an earlier request that is not there, before anything is read', async () => {
    const terms = { notBefore: null, expiresAt: null, callbackUrl: null, retryOf: 'unknown' }
    const body = cut(lines(1))
    const refusal = await streamPlanned(body, { terms })
    expect(refusal).toMatchObject({ kind: 'refused', problems: [{ code: 'unknown_request' }] })
    expect(await body.next()).toMatchObject({ done: false })
  })
})

describe('a rehearsal of a stream counts what the real thing stores', () => {
  const mixed = lines(MANY, (n) => ({
    ...(n % 7 === 0 && { id: `m${n + 1}` }),
    ...(n % 3 === 0 && { target: 'u', source: 'u' }),
    ...(n % 5 === 0 && { data: 'x'.repeat(n % 300) }),
  }))
  const csv = `id,source,target,a\n${Array.from({ length: 700 }, (_, n) => `m${n},s,t,1\n`).join('')}`
  test.each<readonly [string, string, Changes]>([
    ['one mapping', line(0), {}],
    ['many, in batches that grow', lines(MANY), {}],
    ['many, in batches of one size', lines(MANY), { options: { batch_size: 7 } }],
    ['many large ones', lines(400, () => ({ data: 'x'.repeat(9000) })), {}],
    ['a table', csv, { format: 'csv', limits: { batchSize: 3 } }],
    ['what is not good, and skipped', mixed, { onInvalid: 'skip', systems: CONFIGURED }],
  ])('of %s', async (_, body, changes) => {
    const { plan } = await planOf(body, changes)
    const acceptance = await received(body, changes)
    const { total, skipped, priority } = plan
    expect(acceptance).toMatchObject({ kind: 'accepted', total, skipped, priority })
    if (skipped === 0) expect(acceptance).toMatchObject({ batches: plan.batches })
    const inLanes = (what: 'mappings' | 'batches') =>
      plan.lanes.reduce((sum, lane) => sum + lane[what], 0)
    expect(inLanes('mappings')).toBe(total - skipped)
    expect(inLanes('batches')).toBe(plan.batches)
  })

  test('lane by lane, with what is read for each, and the first five in their places', async () => {
    const body = `1\n${lines(8, (n) => (n < 3 ? { target: 'u', data: n } : {}))}`
    const options = { priority: 'LOW', metadata: { run: '1' } } as const
    const terms = { notBefore: NOW, expiresAt: null, callbackUrl: null, retryOf: null }
    const changes = { options, terms, systems: CONFIGURED, onInvalid: 'skip' } as const
    const { plan } = await planOf(body, changes)
    expect(plan).toMatchObject({
      ...{ total: 9, skipped: 1, batches: 2, batchSize: 5, notBefore: NOW, ...options },
      lanes: [
        { target: 'u', mappings: 3, batches: 1, sources: [] },
        { target: 't', mappings: 5, batches: 1, sources: ['s'] },
      ],
      sources: { s: 5 },
    })
    expect(plan.sample.map(({ ordinal, mapping }) => [ordinal, mapping.id])).toEqual(
      Array.from({ length: 5 }, (_, n) => [n + 1, `m${n}`]),
    )
    expect(structuredClone(plan)).toEqual(plan)
  })

  test('and knows it again by its key as the real thing does', async () => {
    const changes = { idempotencyKey: 'k', options: { priority: 'LOW' } } as const
    const { fingerprint } = await planOf(lines(3), changes)
    expect(fingerprint).toMatch(/^[\da-f]{64}$/)
    expect((await planOf(lines(3))).fingerprint).toBeNull()
    expect((await planOf(lines(4), changes)).fingerprint).not.toBe(fingerprint)
    expect((await planOf(lines(3), { idempotencyKey: 'k' })).fingerprint).not.toBe(fingerprint)
  })
})

test('ids whose hash is the same are told from each other, though nothing is kept of them', async () => {
  const [one, other] = COLLIDING
  const changes = { hashKey: () => KEY, onInvalid: 'skip' } as const
  const body = [one, other, other, one].map((id) => line(0, { id })).join('\n')
  expect((await planOf(body, changes)).plan).toMatchObject({ total: 4, skipped: 2 })
  const refusal = await streamPlanned(body, { ...changes, onInvalid: 'refuse' })
  expect(refusal).toEqual(await received(body, { ...changes, onInvalid: 'refuse' }))
})

test('a body that breaks off is nobody’s plan: its own error is thrown', async () => {
  async function* broken() {
    yield Buffer.from(lines(3))
    throw new Error('gone')
  }
  await expect(streamPlanned(broken())).rejects.toThrow('gone')
})
