import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeWhole } from '../../src/cli/whole-file.ts'
import { temporaryDirectory } from '../support/process.ts'

test('a file that breaks off leaves nothing, and what was there before', async () => {
  const directory = await temporaryDirectory()
  const name = join(directory, 'results.csv')
  await writeFile(name, 'before')
  const broken = ReadableStream.from(
    (async function* () {
      yield Buffer.from('half')
      throw new Error('the line broke')
    })(),
  )
  await expect(writeWhole(name, broken)).rejects.toThrow('the line broke')
  expect(await readdir(directory)).toEqual(['results.csv'])
  expect(await readFile(name, 'utf8')).toBe('before')
  await writeWhole(name, new Blob(['after']).stream())
  expect(await readdir(directory)).toEqual(['results.csv'])
  expect(await readFile(name, 'utf8')).toBe('after')
})
