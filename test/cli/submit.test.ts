import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FakeSluice, problem } from '../client/fake.ts'
import { sluice } from './run.ts'

const MAPPING = '{"id": "a", "source": "shop", "target": "crm"}'
const BROKEN = '{"id": "b", "source": "shop", "target": "broken"}'

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-submit-'))
})

afterAll(() => rm(directory, { recursive: true }))

/** Submits `content` from a file; what the server got is in `received`. */
async function submitted(content: string | Uint8Array, ...args: readonly string[]) {
  await using fake = await FakeSluice.start()
  const file = join(directory, `${crypto.randomUUID()}.json`)
  await writeFile(file, content)
  const ran = await sluice(['submit', file, '--url', fake.url, ...args])
  return { ...ran, received: fake.received }
}

describe('submit sends', () => {
  test('a request as it is, and writes nothing but its id to stdout', async () => {
    const content = `{"mappings": [${MAPPING}], "priority": "LOW"}`
    const { code, stdout, stderr, received } = await submitted(content)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'request-1\n' })
    expect(stderr).toContain('Accepted 1 mapping.')
    expect(stderr).toContain('sluice watch request-1')
    expect(received[0]?.body).toBe(content)
  })

  test('a list of mappings as a request', async () => {
    const { received } = await submitted(`\n [${MAPPING}]`)
    expect(received[0]?.body).toBe(`{"mappings":\n [${MAPPING}]}`)
  })

  test('the options in place of what the file says', async () => {
    const content = `{"mappings": [${MAPPING}], "priority": "LOW"}`
    const options = ['-p', 'HIGH', '--batch-size', '7', '--idempotency-key', 'nightly']
    const { received } = await submitted(content, ...options)
    expect(JSON.parse(received[0]?.body ?? '')).toEqual({
      mappings: [JSON.parse(MAPPING)],
      priority: 'HIGH',
      batch_size: 7,
    })
    expect(received[0]?.headers['idempotency-key']).toBe('nightly')
  })

  test('every digit, also beside options', async () => {
    const content = '[{"id": "a", "source": "s", "target": "t", "data": 12345678901234567890}]'
    const { received } = await submitted(content, '--priority', 'HIGH')
    expect(received[0]?.body).toContain('"data": 12345678901234567890')
  })

  test('stdin, to where SLUICE_URL says', async () => {
    await using fake = await FakeSluice.start()
    const env = { SLUICE_URL: fake.url }
    const { code } = await sluice(['submit', '-'], { env, input: `[${MAPPING}]` })
    expect(code).toBe(0)
    expect(fake.received[0]?.body).toBe(`{"mappings":[${MAPPING}]}`)
  })
})

describe('submit --wait', () => {
  test('ends with 0 when every mapping completed', async () => {
    const { code, stdout, stderr } = await submitted(`[${MAPPING}]`, '--wait')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'request-1\n' })
    expect(stderr).toContain('completed: 1 of 1 mapping completed in 3.4 s')
  })

  test('ends with 1 when one did not', async () => {
    const { code, stderr } = await submitted(`[${MAPPING}, ${BROKEN}]`, '--wait')
    expect(code).toBe(1)
    expect(stderr).toContain('failed: 1 of 2 mappings completed, 1 failed')
    expect(stderr).toContain('sluice results request-1 --status failed')
  })
})

describe('submit refuses, with 2,', () => {
  test.each([
    ['what is not JSON for it', 'mappings: []', 'JSON that begins with { or ['],
    ['nothing', '', 'JSON that begins with { or ['],
    ['what is not UTF-8', Uint8Array.of(0x5b, 0xff, 0x5d), 'not in UTF-8'],
  ])('%s', async (_, content, message) => {
    const { code, stdout, stderr, received } = await submitted(content)
    expect({ code, stdout, received }).toEqual({ code: 2, stdout: '', received: [] })
    expect(stderr).toContain(message)
  })

  test('a file that is not there', async () => {
    const { code, stderr } = await sluice(['submit', join(directory, 'none.json')])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error: Cannot read .+none\.json/)
  })
})

describe('submit passes on', () => {
  test('what Sluice refuses, with 2 and the places to mend', async () => {
    await using fake = await FakeSluice.start()
    const errors = [{ pointer: '#/mappings/0/id', code: 'x', detail: 'Give it \u001b[2Jan id.' }]
    fake.answers.push(problem(400, 'validation-failed', 'The request is not valid.', { errors }))
    const ran = await sluice(['submit', '-', '--url', fake.url], { input: '[]' })
    expect(ran).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: The request is not valid.\n  #/mappings/0/id: Give it \\u001b[2Jan id.\n',
    })
  })

  test('a failure of the server, with 3', async () => {
    await using fake = await FakeSluice.start()
    fake.answers.push(problem(500, 'internal-error', 'Look for answer-1 in the log.'))
    const ran = await sluice(['submit', '-', '--url', fake.url], { input: '[]' })
    expect(ran).toEqual({
      code: 3,
      stdout: '',
      stderr: 'error: Look for answer-1 in the log.\n',
    })
  })

  test('silence, with 3', async () => {
    const ran = await sluice(['submit', '-', '--url', 'http://127.0.0.1:1'], { input: '[]' })
    expect(ran).toEqual({
      code: 3,
      stdout: '',
      stderr: 'error: Nothing answers at http://127.0.0.1:1. Start it with: npm start\n',
    })
  })
})
