import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { lstat, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type Mapping, Sluice } from '../../src/client/index.ts'
import { FakeSluice, problem } from '../client/fake.ts'
import { temporaryDirectory } from '../support/process.ts'
import { MAIN, sluice } from './run.ts'

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
    fake,
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
        '0%  0/2000  RATE  0 failed  ETA 2 min 10 s',
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
    expect(stdout).toContain(`sluice failures ${held.id}`)
    expect(stdout).toContain(`sluice retry ${held.id}`)
  })

  test('as lines of JSON are the statuses, and nothing else', async () => {
    await using held = await holding(4, 1)
    const { code, stdout, stderr } = await held.run('watch', '--json')
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    const statuses = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(statuses.map(({ progress }) => progress)).toEqual([0, 25, 50, 75, 100])
    expect(statuses.at(-1)).toMatchObject({ request_id: held.id, status: 'failed' })
  })

  test('asks again and again where events do not come through', async () => {
    await using held = await holding(2000)
    held.fake.answers.push(problem(406, 'not-acceptable', 'There are no events here.'))
    const { code, stdout } = await held.run('watch')
    expect(code).toBe(0)
    expect(stdout).toContain('completed: 2,000 of 2,000')
    expect(held.fake.received.map(({ path }) => path)).toEqual([
      '/ingest',
      `/status/${held.id}/events`,
      ...Array.from({ length: 4 }, () => `/status/${held.id}`),
    ])
  })

  test('asks where the first event is held back, too', async () => {
    await using held = await holding(1)
    held.fake.answers.push('silence')
    const { code } = await held.run('watch')
    expect(code).toBe(0)
    expect(held.fake.received.at(-1)?.path).toBe(`/status/${held.id}`)
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

  test.each(['--json', '--format=ndjson'])('as lines of JSON (%s)', async (option) => {
    await using held = await holding(1500, 2)
    const { stdout } = await held.run('results', option)
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(1500)
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ id: 'm1499', status: 'completed' })
  })

  test('up to a limit', async () => {
    await using held = await holding(9)
    await held.run('results', '--json', '--limit', '2')
    expect(held.fake.received.at(-1)?.query).toEqual({ limit: '2' })
  })

  test('of one status, as CSV', async () => {
    await using held = await holding(9, 2)
    const { stdout } = await held.run('results', '--format', 'csv', '--status', 'failed')
    expect(stdout).toBe('id,source,target\r\nm0,shop,broken\r\nm1,shop,broken\r\n')
  })

  test.each(['table', 'ndjson'])('as %s cannot steer a terminal', async (format) => {
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

describe('results --out', () => {
  test('writes a file, in the form that its name says', async () => {
    const directory = await temporaryDirectory()
    await using held = await holding(2, 1)
    for (const name of ['all.ndjson', 'all.csv']) {
      const ran = await held.run('results', '--out', join(directory, name))
      expect(ran).toEqual({ code: 0, stdout: '', stderr: '' })
    }
    expect(await readFile(join(directory, 'all.ndjson'), 'utf8')).toMatch(/^\{"id":"m0"/)
    expect(await readFile(join(directory, 'all.csv'), 'utf8')).toMatch(/^id,source,target\r\n/)
    expect((await readdir(directory)).sort()).toEqual(['all.csv', 'all.ndjson'])
  })

  test('leaves what was there where the answer breaks off, and no part beside it', async () => {
    const directory = await temporaryDirectory()
    const file = join(directory, 'all.csv')
    await writeFile(file, 'before')
    await using held = await holding(2)
    held.fake.answers.push({ breaksOffAfter: 'id,source' })
    const { code, stderr } = await held.run('results', '--out', file)
    expect(code).toBe(3)
    expect(stderr).toContain('broke before the answer was complete')
    expect(await readFile(file, 'utf8')).toBe('before')
    expect(await readdir(directory)).toEqual(['all.csv'])
  })

  test('keeps a link a link, and what it leads to is replaced', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'file.csv'), 'before')
    await symlink('file.csv', join(directory, 'link.csv'))
    await using held = await holding(1)
    await held.run('results', '--out', join(directory, 'link.csv'))
    expect(await readFile(join(directory, 'file.csv'), 'utf8')).toMatch(/^id,/)
    expect((await lstat(join(directory, 'link.csv'))).isSymbolicLink()).toBe(true)
  })

  test.each([
    ['what is no file', '/dev/null', ['--format', 'csv'], '/dev/null is not a file.'],
    [
      'a folder that is not there',
      '/nowhere/all.csv',
      [],
      'Cannot write /nowhere/all.csv (ENOENT)',
    ],
    ['a form that nobody named', 'results', [], 'Give --format ndjson or csv'],
  ])('refuses %s, with 2', async (_, file, options, message) => {
    await using held = await holding(1)
    const { code, stderr } = await held.run('results', '--out', file, ...options)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })
})

test('results end quietly when nobody reads on', async () => {
  await using held = await holding(50_000)
  const command = `'${process.execPath}' '${MAIN}' results ${held.id} --json --url ${held.fake.url}`
  const { stdout, stderr } = await promisify(execFile)('bash', [
    '-c',
    `set -o pipefail; ${command} | head -n 1`,
  ])
  expect(stdout).toMatch(/^\{"id":"m0".+\n$/)
  expect(stderr).toBe('')
})

/** Linux has a file that is always full. */
const FULL = '/dev/full'

test.skipIf(!existsSync(FULL))('what cannot be written is told of, with 3', async () => {
  await using held = await holding(1)
  for (const command of [`results ${held.id} --json`, 'requests --json']) {
    const run = `'${process.execPath}' '${MAIN}' ${command} --url ${held.fake.url} > ${FULL}`
    const failing = promisify(execFile)('bash', ['-c', run])
    const detail = 'The output could not be written to its end (ENOSPC). Has its disk room?'
    await expect(failing).rejects.toMatchObject({
      code: 3,
      stderr: expect.stringContaining(detail),
    })
    await expect(failing).rejects.toMatchObject({ stderr: expect.stringMatching(/^\{[^\n]+\}\n$/) })
  }
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
