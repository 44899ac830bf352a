import { describe, expect, test } from 'vitest'
import { NO_TERMS } from '../../src/core/request.ts'
import type { CallbackPolicy } from '../../src/intake/callback.ts'
import { type OnInvalid, parse } from '../../src/intake/parse.ts'
import type { SystemCatalogue } from '../../src/intake/systems.ts'
import { readJson } from '../../src/lib/json/read.ts'
import { NOW } from '../support/requests.ts'

const DEMO: SystemCatalogue = { mode: 'demo', has: () => true, reads: () => false, names: [] }

function configured(...names: readonly string[]): SystemCatalogue {
  return { mode: 'configured', has: (name) => names.includes(name), reads: () => false, names }
}

const callbacks: CallbackPolicy = { areSigned: true, addressFault: () => null }

function read(body: unknown, systems: SystemCatalogue = DEMO, onInvalid: OnInvalid = 'refuse') {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return parse(Buffer.from(text), { systems, callbacks, mappingsMax: 2000, now: NOW, onInvalid })
}

function mapping(changes: object = {}) {
  return { id: 'a', source: 'crm', target: 'erp', ...changes }
}

test('a good body is read as it is', async () => {
  const body = {
    mappings: [mapping({ transformation: { a: [1] }, data: null }), mapping({ id: 'b' })],
    priority: 'LOW',
    batch_size: 7,
    metadata: { run: 'nightly' },
  }
  expect(await read(body)).toEqual({ kind: 'parsed', ...body, terms: NO_TERMS, rejected: [] })
})

test('a callback is read as it will be called', async () => {
  const body = { mappings: [mapping()], callback_url: 'HTTPS://Ops.Example.com:443/done' }
  expect(await read(body)).toMatchObject({ terms: { callbackUrl: 'https://ops.example.com/done' } })
  expect(await read(body)).not.toHaveProperty('callback_url')
})

test('what is wrong with a callback is told with everything else', async () => {
  const body = { mappings: [mapping({ id: 1 })], callback_url: 'mailto:a@b' }
  expect(await read(body)).toMatchObject({
    slug: 'validation-failed',
    problems: [
      { pointer: '#/mappings/0/id', code: 'invalid_type' },
      { pointer: '#/callback_url', code: 'forbidden_url' },
    ],
  })
  expect(await read({ ...body, mappings: [mapping()] })).toMatchObject({ slug: 'forbidden-url' })
})

describe('an object of far too many keys', () => {
  const many = Object.fromEntries(Array.from({ length: 80_000 }, (_, n) => [`key_${n}`, '']))

  test('is told what is wrong with it, and nothing that comes after is passed over', async () => {
    expect(await read({ mappings: [{ ...many, ...mapping() }] })).toMatchObject({
      slug: 'unknown-property',
      problems: expect.arrayContaining([
        expect.objectContaining({ pointer: '#/mappings/0/key_0', line: 1 }),
      ]),
    })
    expect(await read({ mappings: [mapping()], metadata: many })).toMatchObject({
      problems: [{ pointer: '#/metadata', detail: 'This must have at most 16 keys.' }],
    })
    expect(await read({ ...many, mappings: [mapping({ id: 1 })] })).toMatchObject({
      problems: expect.arrayContaining([
        expect.objectContaining({ pointer: '#/key_0', code: 'unknown_property' }),
        expect.objectContaining({ pointer: '#/mappings/0/id', code: 'invalid_type' }),
      ]),
    })
  })

  test('takes not much longer to refuse than to read', async () => {
    const bytes = Buffer.from(JSON.stringify({ mappings: [mapping()], metadata: many }))
    const cpu = async (action: () => unknown) => {
      const times: number[] = []
      for (let round = 0; round < 3; round++) {
        const before = process.threadCpuUsage()
        await action()
        times.push(process.threadCpuUsage(before).user)
      }
      return Math.min(...times)
    }
    const toRead = await cpu(() => readJson(bytes, { depth: 32 }))
    expect(await cpu(() => read(bytes.toString()))).toBeLessThan(5 * toRead)
  })
})

test.each(['callback:https://ops.example.com', '.', '..'])(
  'the name %s is nobody’s: one of callbacks, or without an address, even of one who is not asked',
  async (reserved) => {
    for (const systems of [DEMO, configured('crm', 'erp')]) {
      for (const name of ['source', 'target']) {
        expect(
          await read({ mappings: [mapping({ [name]: reserved, data: 1 })] }, systems),
        ).toMatchObject({
          problems: [{ pointer: `#/mappings/0/${name}`, code: 'reserved_name' }],
        })
      }
    }
  },
)

test('a name that only looks like one of callbacks is a system’s like any other', async () => {
  for (const name of ['callback', 'callbacks', 'my-callback:crm']) {
    const taken = await read({ mappings: [mapping({ source: name, target: name, data: 1 })] })
    expect(taken).toMatchObject({ mappings: [{ source: name, target: name }] })
  }
})

test('an empty text has one thing wrong with it', async () => {
  const mappings = [mapping({ id: '', source: '', target: '' })]
  const detail = 'This must have at least 1 character.'
  expect(await read({ mappings })).toMatchObject({
    problems: [
      { pointer: '#/mappings/0/id', code: 'invalid_value', detail },
      { pointer: '#/mappings/0/source', code: 'invalid_value', detail },
      { pointer: '#/mappings/0/target', code: 'invalid_value', detail },
    ],
  })
})

test('everything that is wrong is told at once, with its place and line', async () => {
  const refusal = await read(
    '{"priority": "high", "not_before": "soon", "expires_in": "2",\n"mappings": [\n{"id": 1, "x": 2},\n{"id": "a", "source": "s", "target": " "}]}',
  )
  expect(refusal).toMatchObject({
    slug: 'validation-failed',
    problems: [
      { pointer: '#/priority', code: 'invalid_value', line: 1 },
      { pointer: '#/not_before', code: 'invalid_value', line: 1 },
      { pointer: '#/mappings/0/source', code: 'required', line: 3 },
      { pointer: '#/mappings/0/target', code: 'required', line: 3 },
      { pointer: '#/mappings/0/x', code: 'unknown_property', line: 3 },
      { pointer: '#/mappings/0/id', code: 'invalid_type', line: 3 },
      { pointer: '#/mappings/1/target', code: 'invalid_value', line: 4 },
      { pointer: '#/expires_in', code: 'invalid_value', line: 1 },
    ],
  })
})

test('what is wrong in one way has the name of that, and in several that of none', async () => {
  const again = mapping({ id: 'b' })
  const unknown = mapping({ is: 1 })
  expect(await read({ mappings: [again, again] })).toMatchObject({ slug: 'duplicate-mapping-id' })
  expect(await read({ mappings: [unknown] })).toMatchObject({ slug: 'unknown-property' })
  for (const mappings of [
    [again, again, unknown],
    [unknown, again, again],
  ]) {
    expect(await read({ mappings })).toMatchObject({
      slug: 'validation-failed',
      problems: [{}, {}],
    })
  }
})

test('a value of the wrong type is told of once', async () => {
  const refusal = await read({ mappings: [mapping()], priority: 7 })
  expect(refusal).toMatchObject({ problems: [{ pointer: '#/priority', code: 'invalid_type' }] })
  expect(refusal.kind === 'refused' && refusal.problems).toHaveLength(1)
})

test('a name is in its pointer as JSON pointers have it', async () => {
  const refusal = await read({ mappings: [mapping()], metadata: { 'a/~1': 1 } })
  expect(refusal).toMatchObject({ problems: [{ pointer: '#/metadata/a~1~01' }] })
})

test('that an id is taken is told beside what else is wrong with its mapping', async () => {
  const mappings = [mapping({ target: 'nobody' }), mapping({ target: 'nobody' })]
  expect(await read({ mappings }, configured('crm'))).toMatchObject({
    problems: [
      { pointer: '#/mappings/0/target', code: 'unknown_system' },
      { pointer: '#/mappings/1/target', code: 'unknown_system' },
      { pointer: '#/mappings/1/id', code: 'duplicate_mapping_id' },
    ],
  })
})

test('where the bad ones are skipped, a good one may have the id of one of them', async () => {
  const mappings = [mapping({ target: 'nobody' }), mapping()]
  expect(await read({ mappings }, configured('crm', 'erp'), 'skip')).toMatchObject({
    mappings: [mappings[1]],
    rejected: [{ ordinal: 0 }],
  })
})

test('a hundred problems are enough', async () => {
  const refusal = await read({ mappings: Array.from({ length: 500 }, () => 1) })
  expect(refusal.kind === 'refused' && refusal.problems.length).toBe(100)
})

test('no problem repeats what was sent beyond a name in its pointer', async () => {
  const secret = 'hunter2'.repeat(100)
  const text = JSON.stringify(await read({ mappings: [mapping({ id: secret, [secret]: secret })] }))
  expect(text.split('hunter2').length - 1).toBeLessThan(12)
})

describe('systems', () => {
  const systems = configured('crm', 'erp')

  test('any name will do without a systems file', async () => {
    expect(await read({ mappings: [mapping({ target: 'anything' })] })).toMatchObject({
      kind: 'parsed',
    })
  })

  test('an unknown one is refused with those that are known', async () => {
    expect(await read({ mappings: [mapping({ target: 'erb' })] }, systems)).toMatchObject({
      slug: 'unknown-system',
      problems: [
        {
          pointer: '#/mappings/0/target',
          code: 'unknown_system',
          detail: 'There is no such system (did you mean "erp"?). Known systems: crm, erp.',
        },
      ],
    })
  })

  test('a source need not be known when the mapping brings its own record', async () => {
    expect(await read({ mappings: [mapping({ source: 'paper' })] }, systems)).toMatchObject({
      kind: 'refused',
    })
    expect(
      await read({ mappings: [mapping({ source: 'paper', data: null })] }, systems),
    ).toMatchObject({ kind: 'parsed' })
  })

  test('at most twenty are listed', async () => {
    const listed = (count: number) => {
      const names = Array.from({ length: count }, (_, index) => `system_${index}`)
      return read({ mappings: [mapping({ data: 1 })] }, configured(...names))
    }
    expect(await listed(20)).toMatchObject({
      problems: [{ detail: expect.stringMatching(/system_19\.$/) }],
    })
    expect(await listed(25)).toMatchObject({
      problems: [{ detail: expect.stringMatching(/system_19 and 5 more\.$/) }],
    })
  })

  test('a request writes to at most a thousand', async () => {
    const mappings = Array.from({ length: 1001 }, (_, index) =>
      mapping({ id: `m${index}`, target: `t${index}` }),
    )
    expect(await read({ mappings })).toMatchObject({
      slug: 'validation-failed',
      problems: [{ pointer: '#/mappings/1000/target', code: 'too_many_targets' }],
    })
  })
})

describe('expressions', () => {
  const body = (...transformations: readonly string[]) =>
    `{"mappings":[${transformations
      .map((text, at) => `{"id":"${at}","source":"s","target":"t","transformation":${text}}`)
      .join(',')}]}`

  test.each([
    '{"a":["{% x %}"]}',
    '{"a":["\\u007b% $sum([1, 2]) %}"]}',
    '{"a":"{%id%}"}',
    `{"a":[${'"{%1%}",'.repeat(99)}"{%1%}"]}`,
  ])('%s is taken', async (transformation) => {
    expect(await read(body(transformation))).toMatchObject({ kind: 'parsed' })
  })

  test.each([
    ['{"a":["{% x( %}"]}', '#/mappings/0/transformation/a/0', /end of expression .*character 4/],
    ['{"a":["\\u007b% x( %}"]}', '#/mappings/0/transformation/a/0', /end of expression/],
    ['{"a":{"b":"{%%}"}}', '#/mappings/0/transformation/a/b', /Unexpected end of expression/],
    ['{"a":"{% \'open %}"}', '#/mappings/0/transformation/a', /matching quote/],
    ['{"a":"{% /a**/ %}"}', '#/mappings/0/transformation/a', /regular expression/],
    ['{"a":"{% $eval(x) %}"}', '#/mappings/0/transformation/a', /\$eval is not available/],
    [`{"a":"{% ${'('.repeat(4000)} %}"}`, '#/mappings/0/transformation/a', /Expected "\)"/],
    [`{"a":"{% ${'x'.repeat(4095)} %}"}`, '#/mappings/0/transformation/a', /at most 4096 char/],
    [`{"a":[${'"{%1%}",'.repeat(100)}"{%1%}"]}`, '#/mappings/0/transformation', /at most 100 /],
  ])('%s is refused, and says where and why', async (transformation, pointer, detail) => {
    expect(await read(body(transformation))).toMatchObject({
      slug: 'invalid-expression',
      problems: [{ pointer, code: 'invalid_expression', detail: expect.stringMatching(detail) }],
    })
  })

  test('repeat nothing of themselves in what is said of them', async () => {
    const told = JSON.stringify(await read(body('{"a":"{% hunter2 hunter2 %}"}')))
    expect(told).toContain('Syntax error')
    expect(told).not.toContain('hunter2')
  })

  test('that are wrong in many mappings are told of each', async () => {
    expect(await read(body('{"a":"{% ( %}"}', '{}', '{"a":"{% ( %}"}'))).toMatchObject({
      problems: [
        { pointer: '#/mappings/0/transformation/a' },
        { pointer: '#/mappings/2/transformation/a' },
      ],
    })
  })

  test('may repeat at will, and differ up to 100,000 characters', async () => {
    const of = (differ: boolean) =>
      Array.from({ length: 100 }, (_, at) => `{"a":"{% ${'x'.repeat(1000)}${differ ? at : 0} %}"}`)
    expect(await read(body(...of(false)))).toMatchObject({ kind: 'parsed' })
    const most = Array.from({ length: 100 }, (_, at) => `{"a":"{%${`${at}`.padStart(1000)}%}"}`)
    expect(await read(body(...most))).toMatchObject({ kind: 'parsed' })
    expect(await read(body(...of(true)))).toMatchObject({
      slug: 'invalid-expression',
      problems: [{ pointer: '#/mappings/99/transformation/a' }],
    })
  })

  test('let others go first while there are many to be read', async () => {
    const one = (_: unknown, at: number) => `{"a":"{%${`${at}`.padStart(500)}%}"}`
    let turns = 0
    let isDone = false
    const counting = () => {
      turns++
      if (!isDone) setImmediate(counting)
    }
    setImmediate(counting)
    await read(body(...Array.from({ length: 100 }, one)))
    isDone = true
    expect(turns).toBeGreaterThanOrEqual(99)
  })

  test('and text that only looks like one is text', async () => {
    const transformation = { a: 'say {% x %}', '{% key %}': '{%' }
    expect(await read({ mappings: [mapping({ transformation })] })).toMatchObject({
      kind: 'parsed',
    })
  })
})
