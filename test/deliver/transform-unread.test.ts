/** What can be computed of a transformation before its record has been read. */
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/core/units.ts'
import { render } from '../../src/deliver/transform/render.ts'
import { openTransformer } from '../../src/deliver/transform/transformer.ts'
import { systemClock } from '../../src/lib/clock.ts'

const INPUT = {
  ...{ id: 'map_001', source: 'crm', target: 'shop', metadata: { run: 'nightly' } },
  isUnread: true,
} as const

function rendered(transformation: JsonObject) {
  return render({ transformation, input: INPUT })
}

describe('an expression that looks at the record stays as it was written', () => {
  test.each([
    'record',
    'record.email',
    '$lowercase(record.email)',
    '$exists(record.fax) ? record.fax : null',
    "id & ':' & record.key",
    'id in record.list',
    '$count(record)',
    '$type(record)',
    '$not(record)',
    'record ~> $string',
    '$',
    '$$',
    '$$.record',
    '*',
    '**',
    '$string()',
    '$lookup($$, "record")',
    '$merge([$$, {"a": 1}])',
    '$spread($)',
    '$each($$, function($v) { $v })',
    '$sift($$, function($v) { true })',
    '$map([1, 2], function($n) { $$.record.a })',
    '($f := function() { record.a }; $f())',
    '$ ~> |$|{"a": 1}|',
    '{"a": {"b": [record]}}',
    'record.a = 1 and true',
    '$error(record.message)',
  ])('%s', async (expression) => {
    const text = `{% ${expression} %}`
    expect(await rendered({ id: '{% id %}', deep: [{ 'a/b': text }] })).toEqual({
      kind: 'payload',
      payload: { id: 'map_001', deep: [{ 'a/b': text }] },
      unread: ['#/deep/0/a~1b'],
    })
  })
})

test.each([
  ['id & " of " & metadata.run', 'map_001 of nightly'],
  ['$keys()', ['id', 'source', 'target', 'metadata', 'record']],
  ['$exists(id) or record.a', true],
  ['false and record.a', false],
  ['[1..3]', [1, 2, 3]],
])('%s is computed without one', async (expression, value) => {
  expect(await rendered({ x: `{% ${expression} %}`, y: 'text' })).toEqual({
    kind: 'payload',
    payload: { x: value, y: 'text' },
    unread: [],
  })
})

test('what fails whatever the record is fails', async () => {
  expect(await rendered({ a: '{% record %}', b: '{% $number("x") %}' })).toMatchObject({
    kind: 'failed',
    message: expect.stringContaining('#/b'),
  })
})

test('it is the same in the process that computes', async () => {
  const onUnavailable = (reason: string) => {
    throw new Error(reason)
  }
  const { transform, close } = openTransformer({ clock: systemClock, onUnavailable })
  const transformation = { a: '{% id %}', b: '{% record.b %}' }
  const transformed = await transform(transformation, INPUT, new AbortController().signal)
  await close()
  const payload = { a: 'map_001', b: '{% record.b %}' }
  expect(transformed).toEqual({ kind: 'payload', payload, unread: ['#/b'] })
})
