import { constants } from 'node:buffer'
import { appendFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { handOver } from '../../src/cli/hand-over.ts'
import { inputOf, readText } from '../../src/cli/input.ts'
import { temporaryDirectory } from '../support/process.ts'

test('a file that grows while it is handed over is told of, and nothing of it is taken', async () => {
  const file = join(await temporaryDirectory(), 'mappings.ndjson')
  await writeFile(file, '{}\n')
  const handing = handOver(
    inputOf(file, undefined),
    {},
    {
      request: () => Promise.reject(new Error('not JSON')),
      async stream(source) {
        await appendFile(file, '{}\n')
        return source instanceof Blob ? source.text() : null
      },
    },
  )
  await expect(handing).rejects.toThrow(`${file} changed, or could no longer be read,`)
})

test('JSON that is longer than any text is told of as such', async () => {
  const file = join(await temporaryDirectory(), 'mappings.json')
  await writeFile(file, '')
  // A hole, which takes no room on the disk.
  await truncate(file, constants.MAX_STRING_LENGTH + 1)
  const reading = readText(inputOf(file, undefined))
  await expect(reading).rejects.toThrow(`${file} is too large to be read as JSON. Make it NDJSON,`)
})

test.each([
  ['a.json', 'json', null],
  ['a.b/mappings', 'json', null],
  ['a.NDJSON', 'ndjson', null],
  ['a.jsonl.gz', 'ndjson', 'gzip'],
  ['a.2026.csv.zst', 'csv', 'zstd'],
  ['gz', 'json', null],
  ['-', 'json', null],
])('%s is taken for %s by its name', (file, format, encoding) => {
  expect(inputOf(file, undefined)).toEqual({ file, format, encoding })
  expect(inputOf(file, 'csv')).toMatchObject({ format: 'csv', encoding })
})
