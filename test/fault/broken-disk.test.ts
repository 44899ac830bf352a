/** Files that go bad under the service end it, rather than let it promise what it cannot keep. */
import { readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EXIT } from '../../src/cli/exit.ts'
import { startService, temporaryDirectory } from '../support/process.ts'
import { post } from './load.ts'

test.each([
  { accident: 'cut off', befall: (log: string) => truncate(log), says: /disk I\/O error/ },
  { accident: 'overwritten', befall: overwrite, says: /not a database|malformed/ },
])('a log that was $accident ends the service, which says why', async ({ befall, says }) => {
  const directory = await temporaryDirectory()
  const service = startService({ directory })
  const url = await service.started()
  const mappings = [{ id: 'a', source: 'shop', target: 'shop' }]
  const body = JSON.stringify({ mappings })
  const reply = await post(url, { key: 'key', body, ids: ['a'], request: null })
  if (reply.kind !== 'acknowledged') throw new Error(`it was ${reply.kind}`)

  await befall(join(directory, 'data', 'sluice.db-wal'))
  // What it still has in memory it answers from; sooner or later it must look.
  while ((await statusOf(url, reply.request)) === 200);

  const { code, stderr } = await service.ended
  expect(code).toBe(EXIT.unavailable)
  expect(stderr).toMatch(
    /^error: Sluice could not go on: .+ \(SQLite \d+\)\. Check the disk, .+\n$/,
  )
  expect(stderr).toMatch(says)
})

test('a file that is damaged when the service starts has it end at once, which says what to do', async () => {
  const directory = await temporaryDirectory()
  const before = startService({ directory })
  await before.started()
  before.kill('SIGTERM')
  await before.ended

  const file = join(directory, 'data', 'sluice.db')
  await writeFile(file, (await readFile(file)).fill('x', 3 * 4096, 4 * 4096))
  const service = startService({ directory })
  const { code, stderr } = await service.ended
  expect(code).toBe(EXIT.unavailable)
  expect(stderr).toMatch(
    /^error: .+sluice\.db cannot be used: .+ \(SQLite 11\)\. Check the disk, and put back a copy .+\n$/,
  )
  expect(service.lines).toEqual([])
})

async function overwrite(log: string): Promise<void> {
  const { size } = await stat(log)
  await writeFile(log, Buffer.alloc(size, 'x'))
}

/** What it answers; null where nobody answers any more. */
async function statusOf(url: string, request: string): Promise<number | null> {
  try {
    return (await fetch(`${url}/status/${request}`)).status
  } catch {
    return null
  }
}
