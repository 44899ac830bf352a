import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'

/** Runs an example to its end; gives what it told. */
async function run(name: string): Promise<string> {
  const path = fileURLToPath(new URL(`../../examples/${name}/run.ts`, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [path])
  return stdout
}

describe('examples', { timeout: 60_000 }, () => {
  test('1-crm reads contacts, shapes them with expressions, and writes them', async () => {
    const told = await run('1-crm')
    expect(told).toContain('failed: 2 of 3 mappings completed.')
    expect(told).toContain('nobody failed: Answered 404')
    expect(told).toContain('{"email":"ada@example.com","name":"Ada Lovelace","list":"customers"}')
    expect(told).toContain('{"email":"grace@example.com","name":"Grace Hopper","list":"customers"}')
  })

  test('2-postgres-to-http hands rows over, many in a call', async () => {
    const told = await run('2-postgres-to-http')
    expect(told).toContain('completed: 500 of 500 mappings completed.')
    const [, contacts, calls] = /got (\d+) contacts in (\d+) calls/.exec(told) ?? []
    expect(Number(contacts)).toBe(500)
    expect(Number(calls)).toBeLessThan(100)
  })

  test('3-own-kind speaks a protocol that only it knows', async () => {
    const told = await run('3-own-kind')
    expect(told).toContain('failed: 2 of 3 mappings completed.')
    expect(told).toContain('rude failed: no: mind your words')
    expect(told).toContain('The board has heard {"word":"hello"} and {"word":"thanks"}.')
  })

  test('4-callback is told when a request is finished', async () => {
    const told = await run('4-callback')
    const [, request] = /Accepted (\S+); now for something else\./.exec(told) ?? []
    expect(told).toContain(`request.failed: 3 of the mappings of ${request} failed.`)
  })
})
