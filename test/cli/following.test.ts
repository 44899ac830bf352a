import { describe, expect, test } from 'vitest'
import { type Mapping, Sluice } from '../../src/client/index.ts'
import { FakeSluice } from '../client/fake.ts'
import { sluice } from './run.ts'

const ESCAPE = '\u001b'

/** A fake that holds one request: `total` mappings, of which the first `broken` will fail. */
async function holding(total: number, broken = 0) {
  const fake = await FakeSluice.start()
  const mappings = Array.from(
    { length: total },
    (_, index): Mapping => ({
      id: `m${index}`,
      source: 'shop',
      target: index < broken ? 'broken' : 'crm',
    }),
  )
  const { request_id: id } = await new Sluice({ baseUrl: fake.url }).submit({ mappings })
  return {
    id,
    run: (command: string, ...args: string[]) => sluice([command, id, '--url', fake.url, ...args]),
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  }
}

describe('watch', () => {
  test('writes lines where there is no terminal, and ends with 0', async () => {
    await using held = await holding(2000)
    const { code, stdout, stderr } = await held.run('watch')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.replaceAll(/ [\d,.–]+\/s/g, ' RATE')).toBe(
      [
        '25%  500/2000  RATE  0 failed  ETA 2 min 10 s',
        '50%  1000/2000  RATE  0 failed  ETA 2 min 10 s',
        '75%  1500/2000  RATE  0 failed  ETA 2 min 10 s',
        '100%  2000/2000  RATE  0 failed  ETA –',
        'completed: 2,000 of 2,000 mappings completed in 3.4 s',
        '',
      ].join('\n'),
    )
  })

  test('ends with 1 when mappings failed, and says where to look', async () => {
    await using held = await holding(13, 3)
    const { code, stdout } = await held.run('watch')
    expect(code).toBe(1)
    expect(stdout).toMatch(/\n100% {2}13\/13 .+ 3 failed/)
    expect(stdout).toContain('failed: 10 of 13 mappings completed, 3 failed in 3.4 s')
    expect(stdout).toContain(`sluice results ${held.id} --status failed`)
  })

  test('of an unknown request ends with 2', async () => {
    await using fake = await FakeSluice.start()
    const ran = await sluice(['watch', 'other', '--url', fake.url])
    expect(ran).toEqual({ code: 2, stdout: '', stderr: 'error: There is no such request.\n' })
  })
})

describe('results', () => {
  test('as a table, without colours where there is no terminal', async () => {
    await using held = await holding(3, 1)
    const { code, stdout } = await held.run('results')
    expect(code).toBe(0)
    expect(stdout).toMatch(/id +│ source +│ target +│ status +│ attempts │ duration │ error/)
    expect(stdout).toMatch(/m0 │ shop +│ broken │ failed +│ +1 │ +48 ms │ target_rejected: it answ/)
    expect(stdout).toMatch(/m2 │ shop +│ crm +│ completed │ +1 │ +48 ms │/)
    expect(stdout).not.toContain(ESCAPE)
  })

  test('as a table are the first hundred, and it says so', async () => {
    await using held = await holding(150)
    const { stdout, stderr } = await held.run('results')
    expect(stdout).toContain('m99 ')
    expect(stdout).not.toContain('m100 ')
    expect(stderr).toContain('These are the first 100.')
  })

  test('as JSON', async () => {
    await using held = await holding(1500)
    const { stdout } = await held.run('results', '--format', 'json')
    const results: unknown = JSON.parse(stdout)
    expect(results).toHaveLength(1500)
    expect(results).toContainEqual(expect.objectContaining({ id: 'm1499', status: 'completed' }))
  })

  test('as JSON are a list even where there are none', async () => {
    await using held = await holding(1)
    const { stdout } = await held.run('results', '--format', 'json', '--status', 'failed')
    expect(JSON.parse(stdout)).toEqual([])
  })

  test('as lines of JSON, of one status, up to a limit', async () => {
    await using held = await holding(9, 5)
    const options = ['--format', 'ndjson', '--status', 'failed', '--limit', '2']
    const { stdout } = await held.run('results', ...options)
    const lines = stdout.trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { id: 'm0', status: 'failed' },
      { id: 'm1', status: 'failed' },
    ])
  })

  test.each(['table', 'json', 'ndjson'])('as %s cannot steer a terminal', async (format) => {
    await using fake = await FakeSluice.start()
    const id = `${ESCAPE}[2J\u009b31m\u202egnp.exe`
    const mappings = [{ id, source: 'shop', target: 'crm' }]
    await new Sluice({ baseUrl: fake.url }).submit({ mappings })
    const ran = await sluice(['results', 'request-1', '--url', fake.url, '--format', format])
    expect(ran.stdout).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u)
    expect(ran.stdout).toContain('\\u001b[2J\\u009b31m\\u202egnp.exe')
    if (format === 'ndjson') expect(JSON.parse(ran.stdout)).toMatchObject({ id })
  })
})

describe('demo, where an instance answers,', () => {
  test('shows a hundred mappings from start to end', async () => {
    await using fake = await FakeSluice.start()
    const { code, stdout, stderr } = await sluice(['demo', '--url', fake.url])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('100%  100/100')
    expect(stdout).toContain('completed: 100 of 100 mappings completed')
    expect(stdout.match(/│ completed │/g)).toHaveLength(100)
    expect(stdout).toContain(`${fake.url}/docs`)
    const sent: unknown = JSON.parse(fake.received[1]?.body ?? '')
    expect(sent).toMatchObject({ priority: 'HIGH' })
  })

  test('leaves one alone whose systems are real', async () => {
    await using fake = await FakeSluice.start()
    fake.mode = 'configured'
    const { code, stderr } = await sluice(['demo', '--url', fake.url])
    expect(code).toBe(2)
    expect(stderr).toContain('has a systems file')
    expect(fake.received.map(({ path }) => path)).toEqual(['/health'])
  })

  test('does not start another where it was sent', async () => {
    const { code, stderr } = await sluice(['demo', '--url', 'http://127.0.0.1:1'])
    expect(code).toBe(3)
    expect(stderr).toContain('Nothing answers at http://127.0.0.1:1')
  })
})
