import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Standing } from '../../src/core/verdict.ts'
import { resultsPage } from '../../src/http/results/page.ts'
import { walkResults } from '../../src/http/results/walk.ts'
import type { BatchRange, NewBatch, SomeBatches, StoredBatch } from '../../src/store/store.ts'
import { newBatch, TENANT } from '../support/requests.ts'

const FAILED: Standing = [
  ...(['failed', 1, 0, 1] as const),
  { code: 'target_rejected', message: '', stage: 'write', httpStatus: 422 },
]
const COMPLETED: Standing = ['completed', 1, 0, 1, null]

/** Deals ordinals out to lanes; a lane's batch is full after `size` of them. */
function dealt(lanes: readonly number[], size: number): readonly NewBatch[] {
  const batches: NewBatch[] = []
  const filling = new Map<number, number[]>()
  const flush = (lane: number) => {
    const ordinals = filling.get(lane) ?? []
    if (ordinals.length > 0) batches.push(newBatch(ordinals, { lane: `lane_${lane}` }))
    filling.delete(lane)
  }
  for (const [ordinal, lane] of lanes.entries()) {
    const ordinals = filling.get(lane) ?? []
    filling.set(lane, [...ordinals, ordinal])
    if (ordinals.length + 1 === size) flush(lane)
  }
  for (const lane of [...filling.keys()]) flush(lane)
  return batches.sort((a, b) => a.ordinals.first - b.ordinals.first)
}

/** What the port promises, with as few batches at a time as it may give. */
function storeOf(batches: readonly NewBatch[], hasFailed: (ordinal: number) => boolean) {
  const stored = batches.map((batch): StoredBatch => {
    const { first, count, list } = batch.ordinals
    const ordinals = list ?? Array.from({ length: count }, (_, place) => first + place)
    const standings = ordinals.map((ordinal) => (hasFailed(ordinal) ? FAILED : COMPLETED))
    return { ...batch, verdicts: JSON.stringify(standings), closed: null }
  })
  const reads = new Map<StoredBatch, number>()
  return {
    reads,
    async batches(_: string, __: string, range: BatchRange): Promise<SomeBatches> {
      const { from, to, reaching, state } = range
      const found = stored.filter(({ ordinals: { first, last }, verdicts }) => {
        const holds = state === null || (verdicts ?? '').includes(state)
        return first >= from && first < to && last >= reaching && holds
      })
      const some = found.slice(0, 3)
      for (const batch of some) reads.set(batch, (reads.get(batch) ?? 0) + 1)
      const next = found.length > some.length ? (some.at(-1)?.ordinals.first ?? 0) + 1 : to
      return { batches: some, next }
    },
  }
}

test('a walk comes by every wanted result once, in order, and reads no batch twice', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(4), { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 1, max: 20 }),
      fc.nat(220),
      fc.integer({ min: 1, max: 60 }),
      fc.constantFrom('failed' as const, null),
      fc.integer({ min: 1, max: 9 }),
      async (lanes, size, from, stride, state, each) => {
        const hasFailed = (ordinal: number) => ordinal % each === 0
        const store = storeOf(dealt(lanes, size), hasFailed)
        const request = { id: 'r', total: lanes.length }
        const seen: number[] = []
        let at = from
        for await (const stretch of walkResults(
          store,
          { tenant: TENANT, request, from, state },
          stride,
        )) {
          for (const { ordinal, id } of stretch.results) {
            expect(id).toBe(`map_${ordinal}`)
            expect(ordinal).toBeGreaterThanOrEqual(at)
            expect(ordinal).toBeLessThan(stretch.next)
            seen.push(ordinal)
          }
          at = stretch.next
        }
        const ordinals = lanes.map((_, ordinal) => ordinal)
        const wanted = ordinals.filter((o) => o >= from && (state === null || hasFailed(o)))
        expect(seen).toEqual(wanted)
        expect([...store.reads.values()].every((times) => times === 1)).toBe(true)
      },
    ),
  )
})

test('a page ends where much was looked through, and says where to go on', async () => {
  const nothing = {
    batches: async (_: string, __: string, { to }: BatchRange) => ({ batches: [], next: to }),
  }
  const request = { id: 'r', total: 200_000 }
  const wanted = { tenant: TENANT, request, from: 10, state: 'failed' } as const
  const { items, next } = await resultsPage(nothing, wanted, 100)
  expect(items).toEqual([])
  expect(next).toBeGreaterThanOrEqual(50_010)
  expect(next).toBeLessThan(60_000)
})

test('a page ends where it is much text, and says where to go on', async () => {
  const ordinals = Array.from({ length: 5000 }, (_, ordinal) => ordinal)
  const standing: Standing = ['completed', 1, 0, 1, 'x'.repeat(4000)]
  const verdicts = JSON.stringify(ordinals.map(() => standing))
  const batch = { ...newBatch(ordinals), verdicts, closed: null }
  const whole = {
    batches: async (_: string, __: string, { from, to }: BatchRange) => {
      return { batches: from <= 0 ? [batch] : [], next: to }
    },
  }
  const wanted = { tenant: TENANT, request: { id: 'r', total: 5000 }, from: 0, state: null }
  const { items, next } = await resultsPage(whole, wanted, 10_000)
  expect(items.join('').length).toBeGreaterThan(16_000_000)
  expect(items.join('').length).toBeLessThan(16_010_000)
  expect(next).toBe(items.length)
})
