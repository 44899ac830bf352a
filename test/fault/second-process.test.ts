/** One data directory belongs to one process, and to no older version than has written it. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { startService, temporaryDirectory } from '../support/process.ts'

const CANNOT_START = 3

describe('a data directory', { timeout: 60_000 }, () => {
  test('is refused to a second process, which says what to do, and the first goes on', async () => {
    const directory = await temporaryDirectory()
    const first = startService({ directory })
    const url = await first.started()
    const { code, stderr } = await startService({ directory }).ended
    expect(code).toBe(CANNOT_START)
    expect(stderr).toMatch(/^error: Another Sluice is running on .*data\. Stop it first, or give/)
    expect(stderr).toContain('SLUICE_DATA_DIR')
    expect(stderr).not.toMatch(/^ +at /m)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
  })

  test('is set free by kill -9', async () => {
    const directory = await temporaryDirectory()
    const first = startService({ directory })
    await first.started()
    first.kill('SIGKILL')
    await first.ended
    await startService({ directory }).started()
  })

  test('is refused when a newer version has written it', async () => {
    const directory = await temporaryDirectory()
    await mkdir(join(directory, 'data'))
    const database = new DatabaseSync(join(directory, 'data', 'sluice.db'))
    database.exec('PRAGMA user_version = 999')
    database.close()
    const { code, stderr } = await startService({ directory }).ended
    expect(code).toBe(CANNOT_START)
    expect(stderr).toMatch(
      /^error: The database has schema 999, and this version of Sluice knows \d/,
    )
    expect(stderr).not.toMatch(/^ +at /m)
  })
})
