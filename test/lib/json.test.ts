import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { linesOf } from '../../src/lib/json/lines.ts'
import { readJson } from '../../src/lib/json/read.ts'

const LIMITS = { depth: 32 }

function read(text: string) {
  return readJson(Buffer.from(text), LIMITS)
}

/** The codes and places of what is wrong. */
function problems(text: string): readonly string[] {
  const result = read(text)
  return result.ok ? [] : result.problems.map(({ code, pointer }) => `${code} ${pointer}`)
}

describe('what JSON.parse reads well is read the same', () => {
  test('whatever it is', () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), (text) => {
        const result = read(text)
        // Text that fast-check makes can only be refused for a key, or for an integer too large.
        if (!result.ok) expect(text).toMatch(/proto|\d{16}|\\u0000/)
        else expect(result.value).toEqual(JSON.parse(text))
      }),
    )
  })

  test('when every character is escaped', () => {
    fc.assert(
      fc.property(fc.dictionary(word(), word()), (value) => {
        const text = escaped(JSON.stringify(value))
        const result = read(text)
        expect(result.ok && result.value).toEqual(JSON.parse(text))
      }),
    )
  })

  test.each([
    ['a byte order mark', '\uFEFF[1]', [1]],
    ['a pair of surrogates', '["\\ud83d\\ude00"]', ['😀']],
    ['a pair of surrogates after a backslash', '["\\\\\\ud83d\\ude00"]', ['\\😀']],
    ['an escaped backslash before u0000', '["\\\\u0000"]', ['\\u0000']],
    ['colons in keys and values', '{"a:b":"c:d","e":{"f":":"}}', { 'a:b': 'c:d', e: { f: ':' } }],
    ['an escaped colon', '{"a\\u003a":1}', { 'a:': 1 }],
    ['a large integer that a double holds', '[9007199254740992]', [9007199254740992]],
    ['a large number with an exponent', '[1e300]', [1e300]],
    ['a prototype outside a constructor', '{"prototype":1}', { prototype: 1 }],
    ['null', 'null', null],
    ['32 levels', '['.repeat(32) + ']'.repeat(32), JSON.parse('['.repeat(32) + ']'.repeat(32))],
  ])('%s', (_name, text, value) => {
    expect(read(text)).toMatchObject({ ok: true, value })
  })
})

describe('what JSON.parse refuses is refused', () => {
  test('whatever it is', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', '"', '[', '}', ',', '\\', '1'),
        (text, at, junk) => {
          const position = at % (text.length + 1)
          const broken = text.slice(0, position) + junk + text.slice(position + 1)
          expect(problems(broken).some((problem) => problem.startsWith('malformed'))).toBe(
            !isJson(broken),
          )
        },
      ),
    )
  })

  test('with the place, and none of the text', () => {
    expect(read('{\n"secret": 1,\n}')).toEqual({
      ok: false,
      problems: [
        {
          code: 'malformed_json',
          pointer: '#',
          line: 3,
          detail: 'Not valid JSON: property name expected, at line 3, column 1.',
        },
      ],
    })
  })
})

describe('what JSON.parse drops, rounds or mangles is refused', () => {
  test('a key that is there twice, wherever it is', () => {
    fc.assert(
      fc.property(word(), fc.json(), fc.json(), (key, one, other) => {
        const name = JSON.stringify(key)
        const text = `{"list":[{${name}:${one},"between":":",${name}:${other}}]}`
        expect(problems(text)).toContainEqual(expect.stringMatching(/^duplicate_key #\/list\/0\//))
      }),
    )
  })

  test('a key that is there twice, behind an escaped colon that would make up for it', () => {
    expect(problems('{"a":"\\u003a","b":1,"b":2}')).toEqual(['duplicate_key #/b'])
  })

  test.each([
    ['{"a":{"__proto__":1}}', 'forbidden_key #/a/__proto__'],
    ['{"\\u005f_proto__":1}', 'forbidden_key #/__proto__'],
    ['{"constructor":{"prototype":{}}}', 'forbidden_key #/constructor/prototype'],
    ['["\\ud800"]', 'invalid_string #/0'],
    ['["\\udc00\\ud800"]', 'invalid_string #/0'],
    ['["\\ud83d\\ude00\\ude00"]', 'invalid_string #/0'],
    ['["\\\\ud83d\\ude00"]', 'invalid_string #/0'],
    ['["a\\u0000b"]', 'invalid_string #/0'],
    ['[9007199254740993]', 'unsafe_number #/0'],
    ['[-9007199254740993]', 'unsafe_number #/0'],
    ['{"a":1e400}', 'unsafe_number #/a'],
    [`[${'['.repeat(32)}${']'.repeat(32)}]`, 'too_deep #'],
    ['['.repeat(100_000), 'too_deep #'],
    ['{"a":'.repeat(1_000_000), 'too_deep #'],
  ])('%.40s', (text, problem) => {
    expect(problems(text)).toEqual([problem])
  })

  test('bytes that are not UTF-8', () => {
    const result = readJson(Uint8Array.of(0x22, 0xff, 0xfe, 0x22), LIMITS)
    expect(result).toMatchObject({ ok: false, problems: [{ code: 'invalid_utf8' }] })
  })

  test('all of it at once, up to a hundred, each with its line', () => {
    const result = read(`[${Array.from({ length: 200 }, () => '"\\u0000"').join(',\n')}]`)
    expect(result.ok ? [] : result.problems.map(({ line }) => line)).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 1),
    )
  })
})

test('a comment cannot hide how deep a text is', () => {
  expect(problems(`[1,/*"*/${'['.repeat(100_000)}`)).toEqual(['malformed_json #'])
})

test('lines are those of the place, or of what is around it', () => {
  const text = '{\n"a": [\n1, {\n"b": 2}]\n}'
  expect(linesOf(text, ['#', '#/a/0', '#/a/1/b', '#/a/1/c', '#/x'])).toEqual(
    new Map([
      ['#', 1],
      ['#/a/0', 3],
      ['#/a/1/b', 4],
      ['#/a/1/c', 3],
      ['#/x', 1],
    ]),
  )
})

function word() {
  return fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/proto|[\0]/.test(text))
}

/** The same JSON, with every character of its strings as an escape. */
function escaped(text: string): string {
  return text.replaceAll(/"(?:[^"\\]|\\.)*"/g, (literal) => {
    const characters = String(JSON.parse(literal)).split('')
    return `"${characters.map((unit) => `\\u${hex(unit)}`).join('')}"`
  })
}

function hex(unit: string): string {
  return unit.charCodeAt(0).toString(16).padStart(4, '0')
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
