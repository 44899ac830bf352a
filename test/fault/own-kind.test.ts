/** A kind that somebody else wrote may be wrong, and the service that has it says so. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { startService, temporaryDirectory, writeSystems } from '../support/process.ts'

const CANNOT_START = 3

const KIND = `import { defineKind, Type } from 'sluice/kind'
export default defineKind({
  config: Type.Object({ host: Type.String() }),
  connect: ({ config }) => { throw new Error('there is no ' + config.host) },
})
`

test('a kind whose connect throws is told as what it is, with what it said', async () => {
  const { code, stderr } = await (await serviceWith(KIND, { host: 'db' })).ended
  expect(code).toBe(CANNOT_START)
  expect(stderr).toBe('error: The kind of the system line cannot connect it: there is no db\n')
}, 60_000)

const ENDING = `import { defineKind, Type } from 'sluice/kind'
export default defineKind({
  config: Type.Object({}),
  connect: () => ({ write: async () => process.exit(7) }),
})
`

test('a kind that ends the thread it is in ends the service, which says so', async () => {
  const service = await serviceWith(ENDING)
  await handIn(await service.started())
  const { code, stderr } = await service.ended
  expect(code).toBe(CANNOT_START)
  expect(stderr).toBe('error: Sluice could not go on: a delivery thread ended by itself.\n')
}, 60_000)

const UNCLOSABLE = `import { defineKind, Type } from 'sluice/kind'
export default defineKind({
  config: Type.Object({}),
  connect: () => ({
    write: async () => ({ kind: 'delivered', result: null }),
    close: async () => { throw new Error('it would not') },
  }),
})
`

test('a kind that cannot be closed keeps no service from starting, and none from ending in order', async () => {
  const service = await serviceWith(UNCLOSABLE)
  await handIn(await service.started())
  await service.logged('request_finished')
  service.kill('SIGTERM')
  expect(await service.ended).toEqual({ code: 0, stderr: '' })
}, 60_000)

/** Starts a service that has one system, of a kind of its own. */
async function serviceWith(kind: string, config: object = {}) {
  const directory = await temporaryDirectory()
  await writeFile(join(directory, 'line-kind.ts'), kind)
  await writeSystems(directory, { line: { kind: './line-kind.ts', ...config } })
  return startService({ directory })
}

/** Hands in one mapping for the system of the kind. */
function handIn(baseUrl: string) {
  const mappings = [{ id: 'map_1', source: 'line', target: 'line', data: {} }]
  return new Sluice({ baseUrl }).submit({ mappings })
}
