import { getEventListeners } from 'node:events'
import { afterAll, describe, expect, test } from 'vitest'
import type { Json } from '../../src/core/units.ts'
import { DEADLINE_MS } from '../../src/deliver/transform/line.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import {
  HOSTILE,
  HOSTILE_RECORD,
  PATIENT,
  shareTransformer,
  startTransformer,
} from '../support/transform.ts'

/** For what brings no process down. */
const { compute, close } = shareTransformer()
afterAll(close)

const RECORD = { email: 'Ann@Example.COM', name: { first: 'Ann', last: 'Lee' }, tags: ['a', 'b'] }

/** What one expression gives, as the field `x`; undefined where the field is left out. */
async function computed(expression: string, record: Json = RECORD): Promise<Json | undefined> {
  const transformed = await compute({ x: `{% ${expression} %}` }, record)
  if (transformed.kind !== 'payload') throw new Error(JSON.stringify(transformed))
  const { payload } = transformed
  return typeof payload === 'object' && payload !== null && 'x' in payload
    ? payload['x']
    : undefined
}

describe('an expression', () => {
  test.each<readonly [string, Json]>([
    ['id & " " & source & " " & target', 'map_001 crm shop'],
    ['metadata.run', 'nightly'],
    ['$lowercase(record.email)', 'ann@example.com'],
    ['record.tags', ['a', 'b']],
    ['record', RECORD],
    ['{"n": $count(record.tags), "none": null}', { n: 2, none: null }],
  ])('%s gives %j', async (expression, value) => {
    expect(await computed(expression)).toEqual(value)
  })

  test('sees no record where there is none', async () => {
    expect(await compute({ x: '{% $exists(record) %}' })).toEqual({
      kind: 'payload',
      payload: { x: false },
    })
  })

  test('that finds nothing leaves its field out, and its place in a list', async () => {
    const transformation = { gone: '{% record.nothing %}', list: [1, '{% record.nothing %}', 2] }
    expect(await compute(transformation, RECORD)).toEqual({
      kind: 'payload',
      payload: { list: [1, 2] },
    })
  })

  test('stands wherever a value can, and all other strings stand for themselves', async () => {
    const transformation = {
      deep: [{ id: '{%id%}' }],
      text: 'say {% id %}',
      '{% id %}': '{% 1 %} ',
      rest: [null, 1, true],
    }
    expect(await compute(transformation)).toEqual({
      kind: 'payload',
      payload: { ...transformation, deep: [{ id: 'map_001' }] },
    })
  })

  test('may nest as deep as 32 levels', async () => {
    const deep = `${'['.repeat(32)}1${']'.repeat(32)}`
    expect(JSON.stringify(await computed(deep))).toBe(deep)
  })

  test.each([
    ['$sum', 'it gives a function'],
    ['[$sum]', 'it gives a function'],
    ['/a/', 'it gives a function'],
    ['1/0', 'its number is not finite'],
    [`${'['.repeat(33)}1${']'.repeat(33)}`, 'it nests deeper than 32 levels'],
    [`${'{"a":'.repeat(33)}1${'}'.repeat(33)}`, 'it nests deeper than 32 levels'],
    ['function($x) { $x }', 'it gives a function'],
    ['{$pad("x", 1000001): 1}', 'more than 1,000,000 characters are computed'],
    ['$pad("x", 1000001)', 'more than 1,000,000 characters are computed'],
    ['record.email + 1', 'The left side of the "+" operator must evaluate to a number (T2001'],
    ['$number(record.email)', 'Unable to cast value to a number (D3030'],
    ['$error("No name given.")', 'No name given (D3137'],
    ['$eval("1")', 'Attempted to invoke a non-function (T1006'],
  ])('%s fails the mapping, which says where and why', async (expression, reason) => {
    expect(await compute({ at: [{ x: `{% ${expression} %}` }] }, RECORD)).toEqual({
      kind: 'impossible',
      stage: 'transform',
      code: 'transformation_failed',
      message: expect.stringContaining(`The expression at #/at/0/x failed: ${reason}`),
    })
  })

  test('that fails repeats nothing of the record', async () => {
    for (const expression of ['$number(record)', '-record', 'record > 1', '$toMillis(record)']) {
      const { kind, ...rest } = await compute({ x: `{% ${expression} %}` }, 'hunter2')
      expect(kind).toBe('impossible')
      expect(JSON.stringify(rest)).not.toContain('hunter2')
    }
  })

  test.each([
    '$.constructor',
    'record.constructor.constructor("return process")()',
    '$lookup(record, "__proto__")',
    'record.__proto__.polluted',
    '$string(process)',
    '$string(env)',
  ])('%s reaches nothing outside', async (expression) => {
    const transformed = await compute({ x: `{% ${expression} %}` }, RECORD)
    expect(transformed.kind === 'payload' ? transformed.payload : transformed.kind).toEqual(
      transformed.kind === 'payload' ? {} : 'impossible',
    )
  })
})

describe('a hostile expression', () => {
  test.each(Object.entries(HOSTILE))(
    '%s fails alone; those sent along with it go through',
    async (_, [expression, code]) => {
      const clock = code === 'transformation_crashed' ? PATIENT : systemClock
      const compute = startTransformer(undefined, clock)
      const neighbour = (number: number) => compute({ number, id: '{% id %}' })
      const [before, culprit, ...after] = await Promise.all([
        neighbour(0),
        compute({ x: `{% ${expression} %}` }, HOSTILE_RECORD),
        neighbour(1),
        neighbour(2),
      ])
      expect(culprit).toMatchObject({ kind: 'impossible', stage: 'transform', code })
      expect([before, ...after]).toEqual(
        [0, 1, 2].map((number) => ({ kind: 'payload', payload: { number, id: 'map_001' } })),
      )
    },
  )

  test('is tried once more, alone, and goes through where it is only slow', async () => {
    let isHasty = true
    const clock: Clock = {
      now: () => systemClock.now(),
      after: (delay, callback) => {
        const isDeadline = delay === DEADLINE_MS
        const after = systemClock.after(isDeadline && isHasty ? 1 : 20 * delay, callback)
        if (isDeadline) isHasty = false
        return after
      },
    }
    const compute = startTransformer(undefined, clock)
    const slow = '($f := function($n) { $n = 0 ? "done" : $f($n - 1) }; $f(100000))'
    expect(await compute({ x: `{% ${slow} %}` })).toEqual({
      kind: 'payload',
      payload: { x: 'done' },
    })
  })

  test('is tried alone from then on: nobody waits for it but whoever sends it', async () => {
    let patience = 1
    const clock: Clock = {
      now: () => systemClock.now(),
      after: (delay, callback) => systemClock.after(patience * delay, callback),
    }
    const compute = startTransformer(undefined, clock)
    const [expression, code] = HOSTILE['an endless loop'] ?? []
    const hostile = { x: `{% ${expression} %}` }
    expect(await compute(hostile)).toMatchObject({ code })
    // What it brings down now is down for longer than a test may take.
    patience = 1000
    void compute(hostile)
    expect(await compute({ x: '{% id %}' })).toEqual({ kind: 'payload', payload: { x: 'map_001' } })
  })

  test('is hostile only with some records, and with others it goes through', async () => {
    const compute = startTransformer()
    const transformation = { ok: '{% $contains(record, /^(a+)+$/) %}' }
    expect(await compute(transformation, HOSTILE_RECORD)).toMatchObject({
      code: 'transformation_timeout',
    })
    expect(await compute(transformation, 'aaa')).toEqual({ kind: 'payload', payload: { ok: true } })
  })
})

describe('a transformation', () => {
  test('whose record is larger than can be computed with fails, and is not tried', async () => {
    expect(await compute({ x: '{% id %}' }, 'x'.repeat(4_000_000))).toMatchObject({
      code: 'transformation_failed',
      message: expect.stringContaining('more than 4,000,000 characters'),
    })
    const half = 'x'.repeat(2_000_000)
    expect(await compute({ x: '{% id %}', half }, half)).toMatchObject({
      code: 'transformation_failed',
    })
  })

  test('whose record is nested without bound fails, and takes nobody with it', async () => {
    const depth = 300_000
    const record: Json = JSON.parse('['.repeat(depth) + ']'.repeat(depth))
    expect(await compute({ x: '{% id %}' }, record)).toMatchObject({
      kind: 'impossible',
      stage: 'transform',
      code: 'transformation_failed',
      message: expect.stringContaining('nested too deeply'),
    })
    expect(await computed('id')).toBe('map_001')
  })

  test('nobody waits for any more is interrupted at once', async () => {
    const controller = new AbortController()
    const impatient = startTransformer(controller.signal)
    const waiting = impatient({ x: '{% id %}' })
    controller.abort()
    expect(await waiting).toEqual({ kind: 'interrupted' })
    expect(await impatient({ x: '{% id %}' })).toEqual({ kind: 'interrupted' })
  })

  test('leaves nothing behind at the signal, which outlives it by far', async () => {
    const { signal } = new AbortController()
    await startTransformer(signal)({ x: '{% id %}' })
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('gives what it gave before, however many others have come since', async () => {
    const many = Array.from({ length: 2500 }, (_, number) => compute({ x: `{% ${number} + 1 %}` }))
    expect(await Promise.all(many)).toEqual(
      many.map((_, number) => ({ kind: 'payload', payload: { x: number + 1 } })),
    )
    expect(await compute({ x: '{% 0 + 1 %}' })).toEqual({ kind: 'payload', payload: { x: 1 } })
  })
})
