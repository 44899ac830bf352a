/** How mappings are found in the bytes of a stream, wherever the network has cut them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defuse } from '../../src/core/formula.ts'
import { CsvReader } from '../../src/intake/csv.ts'
import { NdjsonReader } from '../../src/intake/ndjson.ts'
import { type Found, LINE_BYTES_MAX, type Reader } from '../../src/intake/reader.ts'

type Told = Pick<Found, 'candidate' | 'line'> & { readonly codes: readonly string[] }

const READERS = { ndjson: NdjsonReader, csv: CsvReader }

/** What a reader tells of a body that is cut at these places. */
async function read(
  format: keyof typeof READERS,
  body: string | Buffer,
  cuts: readonly number[] = [],
): Promise<readonly Told[]> {
  const told: Told[] = []
  const reader: Reader = new READERS[format](({ candidate, faults, line }) =>
    told.push({ candidate, line, codes: faults.map(({ code }) => code) }),
  )
  const bytes = Buffer.from(body)
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length]
  const sorted = places.toSorted((a, b) => a - b)
  for (const [at, to] of sorted.slice(1).entries()) {
    await reader.read(Uint8Array.from(bytes.subarray(sorted[at], to)))
  }
  await reader.end()
  return told
}

const anyCuts = fc.array(fc.nat(), { maxLength: 20 })
const anyText = fc.oneof(fc.string(), fc.string({ unit: 'binary', maxLength: 5 }))

describe('in NDJSON', () => {
  const anyLine = fc.oneof(
    fc.jsonValue().map((value) => ({ text: JSON.stringify(value), value })),
    fc.constantFrom('', ' ', '\t').map((text) => ({ text, value: undefined })),
  )

  test('each line is found, and its number, however it is cut', async () => {
    const anyEnd = fc.constantFrom('\n', '\r\n')
    const isReadable = ({ text }: { text: string }) => !/__proto__|-0|e[+-]|\d{16}/.test(text)
    const anyLines = fc.array(fc.tuple(anyLine.filter(isReadable), anyEnd))
    await fc.assert(
      fc.asyncProperty(anyLines, fc.boolean(), anyCuts, async (lines, hasMark, cuts) => {
        const body = `${hasMark ? '\uFEFF' : ''}${lines.map(([{ text }, end]) => text + end).join('')}`
        const expected = lines.flatMap(([{ text, value }], at) =>
          value === undefined ? [] : [{ candidate: JSON.parse(text), line: at + 1, codes: [] }],
        )
        expect(await read('ndjson', body, cuts)).toEqual(expected)
      }),
    )
  })

  test('the last line needs no end', async () => {
    expect(await read('ndjson', '1\n2')).toMatchObject([{ line: 1 }, { candidate: 2, line: 2 }])
  })

  test.each([
    ['is no JSON', Buffer.from('{"a":'), 'malformed_json'],
    ['is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'invalid_utf8'],
    ['is too long', Buffer.alloc(LINE_BYTES_MAX + 1, '1'), 'line_too_long'],
  ])('a line that %s is told of, and the others are read', async (_, line, code) => {
    const body = Buffer.concat([Buffer.from('"é"\n'), line, Buffer.from('\n\n"ü"\n')])
    const expected = [
      { candidate: 'é', line: 1, codes: [] },
      { candidate: null, line: 2, codes: [code] },
      { candidate: 'ü', line: 4, codes: [] },
    ]
    for (const cuts of [[], [2], [9, 500_000], [LINE_BYTES_MAX + 6], [body.length - 2]]) {
      expect(await read('ndjson', body, cuts)).toEqual(expected)
    }
  })

  test('a line may be as long as it may be', async () => {
    const line = JSON.stringify('x'.repeat(LINE_BYTES_MAX - 2))
    expect(await read('ndjson', line, [400_000, 800_000])).toMatchObject([{ codes: [] }])
    expect(await read('ndjson', `${line} `)).toMatchObject([{ codes: ['line_too_long'] }])
  })

  test('a line is as long as its bytes, however it is cut', async () => {
    const line = JSON.stringify('é'.repeat(LINE_BYTES_MAX / 2))
    for (const cuts of [[], [LINE_BYTES_MAX / 2], [LINE_BYTES_MAX + 1]]) {
      expect(await read('ndjson', `${line}\n`, cuts)).toMatchObject([{ codes: ['line_too_long'] }])
    }
  })

  test('a line that is too long, and has no end, is told of once', async () => {
    const body = Buffer.alloc(3 * LINE_BYTES_MAX, ' ')
    const expected = [{ candidate: null, line: 1, codes: ['line_too_long'] }]
    expect(await read('ndjson', body, [LINE_BYTES_MAX, 2 * LINE_BYTES_MAX])).toEqual(expected)
  })
})

test('a record may be as deep in a cell as in a line, and no deeper', async () => {
  const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
  const codesIn = async (levels: number) => {
    const line = `{"id":"a","source":"s","target":"t","data":${nested(levels)}}`
    const table = `id,source,target,data\na,s,t,${nested(levels)}\n`
    const told = [await read('ndjson', line), await read('csv', table)]
    return told.map(([found]) => found?.codes)
  }
  expect(await codesIn(31)).toEqual([[], []])
  expect(await codesIn(32)).toEqual([['too_deep'], ['too_deep']])
})

describe('in CSV', () => {
  const HEAD = ['id', 'source', 'target', 'first', 'second']

  /** As RFC 4180 has it. */
  function row(cells: readonly string[], end: string): string {
    return cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',') + end
  }

  test('each row is found, and the number of its first line, however it is cut', async () => {
    const anyCell = anyText.filter((cell) => !cell.includes('\0') && cell.isWellFormed())
    const anyRow = fc.array(anyCell, { minLength: HEAD.length, maxLength: HEAD.length })
    const anyEnd = fc.constantFrom('\n', '\r\n', '\r')
    const anyRows = fc.array(fc.tuple(anyRow, anyEnd), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(
        ...[anyRows, anyEnd, fc.boolean(), anyCuts],
        async (rows, end, hasMark, cuts) => {
          let line = 2
          const expected = rows.map(([cells]) => {
            const found = { candidate: candidateOf(cells), line, codes: [] }
            line += row(cells, '\n').split(/\r\n|\n|\r/).length - 1
            return found
          })
          const texts = rows.map(([cells, end]) => row(cells.map(defuse), end))
          const body = [row(HEAD, end), ...texts].join('')
          expect(await read('csv', `${hasMark ? '\uFEFF' : ''}${body}`, cuts)).toEqual(expected)
        },
      ),
    )

    function candidateOf([id, source, target, first, second]: readonly string[]) {
      return { id, source, target, data: { first, second } }
    }
  })

  test.each([
    ['a record in columns', 'e', '', { data: { e: '' } }],
    ['a record in JSON', 'data', '"{""n"":7}"', { data: { n: 7 } }],
    ['no record in JSON', 'data', '', {}],
    ['a record that is null', 'data', 'null', { data: null }],
    ['a transformation', 'transformation', '"{""a"":[1]}"', { transformation: { a: [1] } }],
    ['no transformation', 'transformation', '', {}],
    ['why it failed', 'error', 'target_rejected: no', {}],
  ])('a column can hold %s', async (_, column, cell, expected) => {
    const body = `target,${column},source,id\nt,${cell},s,i\n`
    expect(await read('csv', body)).toEqual([
      { candidate: { id: 'i', source: 's', target: 't', ...expected }, line: 2, codes: [] },
    ])
  })

  test('a row ends in its own way, whichever way the first one ends', async () => {
    for (const head of ['id,source,target\n', 'id,source,target\r\n']) {
      const body = `${head}a,s,t\r\n\nb,s,t\n\r\nc,s,t`
      for (const cuts of [[], [head.length + 6]]) {
        expect(await read('csv', body, cuts)).toEqual([
          { candidate: { id: 'a', source: 's', target: 't' }, line: 2, codes: [] },
          { candidate: { id: 'b', source: 's', target: 't' }, line: 4, codes: [] },
          { candidate: { id: 'c', source: 's', target: 't' }, line: 6, codes: [] },
        ])
      }
    }
  })

  test('a row of empty cells that never ends is not read on', async () => {
    const reader = new CsvReader(() => {})
    await reader.read(Buffer.from('id,source,target\n'))
    const commas = Buffer.alloc(65_536, ',')
    let chunks = 0
    async function readOn(): Promise<void> {
      for (; chunks < 1000; chunks++) await reader.read(commas)
    }
    await expect(readOn()).rejects.toMatchObject({ name: 'Unreadable', line: 2 })
    expect(chunks * commas.length).toBeLessThan(5 * LINE_BYTES_MAX)
  })

  test('blank lines are passed over, however many', async () => {
    const body = `id,source,target\n${'\n'.repeat(5 * LINE_BYTES_MAX)}a,s,t\n`
    const cuts = Array.from({ length: 80 }, (_, cut) => 65_536 * cut)
    const line = 5 * LINE_BYTES_MAX + 2
    expect(await read('csv', body, cuts)).toMatchObject([{ candidate: { id: 'a' }, line }])
  })

  test('a row that is wrong in itself is told of, and the others are read', async () => {
    const body = 'id,source,target,data\na,s\nb,s,t,{\n\nc,s,t,1\n'
    expect(await read('csv', body, [30])).toMatchObject([
      { candidate: null, line: 2, codes: ['malformed_csv'] },
      { candidate: { id: 'b', source: 's', target: 't' }, line: 3, codes: ['malformed_json'] },
      { candidate: { id: 'c', data: 1 }, line: 5, codes: [] },
    ])
  })

  test('what is wrong within a cell is told of at its place', async () => {
    const paths: unknown[] = []
    const reader = new CsvReader(({ faults }) => paths.push(...faults.map(({ path }) => path)))
    await reader.read(Buffer.from('id,source,target,data\na,s,t,"{""n"":[1,1e400]}"\n'))
    await reader.end()
    expect(paths).toEqual([['data', 'n', '1']])
  })

  test.each([
    ['a quote out of place', 'id,source,target\na,b"c,t\n', 2],
    ['a quote that is never closed', 'id,source,target\na,s,t\n"b,s,t\n\n', 3],
    ['a row that is too long', `id,source,target\na,s,${'t'.repeat(LINE_BYTES_MAX)}\n`, 2],
    ['no name for a column', 'id,source,target,\n', 1],
  ])('%s ends it', async (_, body, line) => {
    await expect(read('csv', body)).rejects.toMatchObject({ name: 'Unreadable', line })
  })
})
