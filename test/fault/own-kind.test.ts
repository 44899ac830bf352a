/** A kind that somebody else wrote may be wrong, and the service that has it says so. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startService, temporaryDirectory, writeSystems } from '../support/process.ts'

const CANNOT_START = 3

const KIND = `import { defineKind, Type } from 'sluice/kind'
export default defineKind({
  config: Type.Object({ host: Type.String() }),
  connect: ({ config }) => { throw new Error('there is no ' + config.host) },
})
`

test('a kind whose connect throws is told as what it is, with what it said', async () => {
  const directory = await temporaryDirectory()
  await writeFile(join(directory, 'line-kind.ts'), KIND)
  await writeSystems(directory, { line: { kind: './line-kind.ts', host: 'db' } })
  const { code, stderr } = await startService({ directory }).ended
  expect(code).toBe(CANNOT_START)
  expect(stderr).toBe('error: The kind of the system line cannot connect it: there is no db\n')
}, 60_000)
