import { describe, expect, test } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { SETTINGS } from '../../src/config/table.ts'
import { sluice } from './run.ts'

const COMMANDS = createProgram().commands.map((command) => command.name())

describe('help', () => {
  test.each(COMMANDS)('of %s shows examples and exit codes', async (command) => {
    const { code, stdout, stderr } = await sluice([command, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`\\n  (.*[ (])?sluice ${command}\\b`))
    expect(stdout).toMatch(/Exit codes:\n {2}0 .+\n {2}1 .+\n {2}2 .+\n {2}3 /)
  })

  test('of the whole names every command', async () => {
    const { code, stdout } = await sluice(['--help'])
    expect(code).toBe(0)
    for (const command of COMMANDS) expect(stdout).toContain(`\n  ${command} `)
  })

  test('of serve has a flag for every setting', async () => {
    const { stdout } = await sluice(['serve', '--help'])
    for (const { env } of Object.values(SETTINGS)) expect(stdout).toContain(`(${env}`)
  })

  test('of worker has none for those who take requests', async () => {
    const { stdout } = await sluice(['worker', '--help'])
    expect(stdout).toContain('(DATABASE_URL)')
    for (const env of ['PORT', 'SLUICE_MAX_BODY', 'SLUICE_BATCH_SIZE']) {
      expect(stdout).not.toContain(`(${env}`)
    }
  })
})

describe('wrong usage ends with 2, and says what is wrong', () => {
  test.each([
    [['submti'], 'Did you mean submit?'],
    [['submit'], "missing required argument 'file'"],
    [['submit', 'a.json', '--priority', 'high'], 'Allowed choices are HIGH, MEDIUM, LOW.'],
    [['submit', 'a.json', '--batch-size', '0'], 'It must be a whole number from 1 on.'],
    [['submit', 'a.json', '--idempotency-key', 'a b'], '1 to 255 visible ASCII characters'],
    [['watch', 'a', '--url', 'localhost:8000'], '--url (or SLUICE_URL) must be a URL'],
    [['demo', '--url', 'localhost'], '--url (or SLUICE_URL) must be a URL'],
    [['submit', 'a.json', '--idempotency-key', 'a"b'], 'ASCII characters without quotes.'],
    [['submit', 'a.json', '--metadata', 'nightly'], 'It must be like key=value.'],
    [['submit', 'a.json', '--format', 'xml'], 'Allowed choices are json, ndjson, csv.'],
    [['results', 'a', '--format', 'xml'], 'Allowed choices are table, ndjson, csv.'],
    [['requests', '--status', 'done'], 'pending, in_progress, completed, failed, cancelled.'],
    [['completion', 'fish'], 'Allowed choices are bash, zsh.'],
    [['serve', '--port', 'eight'], '--port must be a whole number'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await sluice(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).not.toMatch(/^ +at /m)
  })

  test('in the environment too', async () => {
    const { code, stderr } = await sluice(['watch', 'a'], { env: { SLUICE_URL: 'nowhere' } })
    expect(code).toBe(2)
    expect(stderr).toContain('SLUICE_URL')
  })

  test('which may be empty, as if it were not set', async () => {
    const { stdout } = await sluice(['watch', '--help'], { env: { SLUICE_URL: '' } })
    expect(stdout).toMatch(/\(default:\s+"http:\/\/localhost:8000"\)/)
  })
})

describe('config', () => {
  test('shows every setting, its value and where it comes from', async () => {
    const { code, stdout } = await sluice(['config'], { env: { PORT: '9000' } })
    expect(code).toBe(0)
    expect(stdout).toMatch(/PORT +│ 9000 +│ PORT +│ 8000 +│ The port to listen on/)
    for (const { env } of Object.values(SETTINGS)) expect(stdout).toContain(env)
  })

  test('as JSON, with flags before variables', async () => {
    const env = { PORT: '9000' }
    const { code, stdout } = await sluice(['config', '--json', '--port', '9001'], { env })
    expect(code).toBe(0)
    const settings: unknown = JSON.parse(stdout)
    expect(settings).toHaveLength(Object.keys(SETTINGS).length)
    expect(settings).toContainEqual(
      expect.objectContaining({ env: 'PORT', value: '9001', from: '--port', default: '8000' }),
    )
  })

  test('tells every problem, and ends with 2', async () => {
    const env = { PORT: 'eight', SLUICE_RETENTON: '3d', SLUICE_URL: 'http://localhost:9000' }
    const { code, stderr } = await sluice(['config'], { env })
    expect(code).toBe(2)
    expect(stderr).toContain('PORT must be')
    expect(stderr).toContain('SLUICE_RETENTION')
    expect(stderr).not.toContain('SLUICE_URL')
  })
})
