import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { type Output, printable, writeLines } from '../../src/cli/output.ts'
import { cut } from '../../src/cli/table.ts'

test('what a terminal would obey, or show in another order, is shown as it is written', () => {
  const text = 'a\u001b[2J\u0007\nb\u009b\u202e\u2066c\u200f'
  expect(printable(text)).toBe('a\\u001b[2J\\u0007\\u000ab\\u009b\\u202e\\u2066c\\u200f')
  expect(printable('é 👩‍👧 عربى')).toBe('é 👩‍👧 عربى')
})

test.each([
  ['csv', true],
  ['ndjson', true],
  ['ndjson', false],
] as const)('lines of %s cannot steer it either (a terminal: %s)', async (form, isTTY) => {
  expect(await written(form, isTTY)).toBe('é,\\u202e\\u001b[2J\r\na\\u000db\n')
})

test('lines of CSV that go anywhere else stay as they are', async () => {
  expect(await written('csv', false)).toBe(LINES)
})

const LINES = 'é,\u202e\u001b[2J\r\na\rb\n'

test('lines are read no faster than they are taken', async () => {
  const chunks = Array.from({ length: 10 }, () => new TextEncoder().encode(LINES))
  const lines = ReadableStream.from(chunks.values())
  const output = new PassThrough({ highWaterMark: 1 })
  const writing = writeLines(lines, 'csv', output as unknown as Output)
  await new Promise((resolve) => setImmediate(resolve))
  expect(output.writableLength + output.readableLength).toBeLessThan(5 * Buffer.byteLength(LINES))
  expect(await Promise.all([text(output), writing.then(() => output.end())])).toMatchObject([
    LINES.repeat(10),
    {},
  ])
})

/** The lines as they are written when they come cut up. */
async function written(form: 'csv' | 'ndjson', isTTY: boolean): Promise<string> {
  const bytes = new TextEncoder().encode(LINES)
  const chunks = [bytes.subarray(0, 1), bytes.subarray(1)]
  const output = Object.assign(new PassThrough(), { isTTY })
  const all = text(output)
  await writeLines(ReadableStream.from(chunks), form, output as unknown as Output)
  output.end()
  return all
}

test('a cell has so many characters at most, as they are shown', () => {
  expect(cut('abcd', 4)).toBe('abcd')
  expect(cut('abcde', 4)).toBe('abc…')
  expect(cut('a\u0007', 4)).toBe('a\\u…')
})
