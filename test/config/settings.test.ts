import { describe, expect, test } from 'vitest'
import { describeSettings, namesOf, readSettings, type Texts } from '../../src/config/settings.ts'

function settings(env: Texts, flags: Texts = {}) {
  const read = readSettings(env, flags)
  if (!read.ok) throw new Error(read.problems.join('\n'))
  return read.settings
}

function problems(env: Texts, flags: Texts = {}) {
  const read = readSettings(env, flags)
  return read.ok ? [] : read.problems
}

describe('settings', () => {
  test('have the documented defaults', () => {
    expect(settings({})).toEqual({
      host: '127.0.0.1',
      port: 8000,
      allowAnonymous: false,
      allowedHosts: null,
      maxConnections: 10_000,
      maxStreams: 5000,
      maxDownloads: 20,
      databaseUrl: null,
      listenUrl: null,
      databaseConnections: 5,
      migrate: true,
      role: 'all',
      workers: 1,
      healthPort: null,
      dataDir: './data',
      systemsFile: null,
      batchSize: null,
      concurrency: 20,
      retention: 30 * 86_400_000,
      maxBody: 64_000_000,
      maxMappings: 1_000_000,
      maxStream: 10_000_000_000,
      maxStreamMappings: 10_000_000,
      maxUploads: 16,
      maxBacklog: 100_000_000,
      callbackSecrets: null,
      callbackAllowPrivate: null,
      simulatedSuccessRate: 0.9,
      simulatedLatency: 50,
      drainTimeout: 25_000,
      logLevel: 'info',
    })
  })

  test('come from the environment, and from a flag before it', () => {
    const read = settings(
      { PORT: '9000', SLUICE_BATCH_SIZE: '7', LOG_LEVEL: 'warn', SLUICE_MAX_BODY: '1MiB' },
      { port: '0', 'simulated-latency': '2s' },
    )
    expect(read).toMatchObject({ port: 0, batchSize: 7, logLevel: 'warn', maxBody: 1_048_576 })
    expect(read.simulatedLatency).toBe(2000)
  })

  test('count as unset where the text is empty', () => {
    expect(settings({ PORT: '', SLUICE_SYSTEMS_FILE: '', SLUICE_WRONG: '' }).port).toBe(8000)
  })

  test.each([
    ['PORT', '65536'],
    ['PORT', '80a'],
    ['PORT', '1e3'],
    ['PORT', '-1'],
    ['HOST', 'a b'],
    ['SLUICE_BATCH_SIZE', '0'],
    ['SLUICE_BATCH_SIZE', '1001'],
    ['SLUICE_BATCH_SIZE', 'Auto'],
    ['SLUICE_CONCURRENCY', '10001'],
    ['SLUICE_RETENTION', '30'],
    ['SLUICE_RETENTION', '1.5d'],
    ['SLUICE_SIMULATED_SUCCESS_RATE', '1.1'],
    ['SLUICE_SIMULATED_SUCCESS_RATE', 'NaN'],
    ['SLUICE_SIMULATED_LATENCY', '11m'],
    ['SLUICE_MAX_BODY', '2GB'],
    ['SLUICE_MAX_BODY', '64mb'],
    ['SLUICE_ALLOW_ANONYMOUS', 'yes'],
    ['SLUICE_ALLOWED_HOSTS', 'https://a.example'],
    ['SLUICE_ALLOWED_HOSTS', 'a.example:8000'],
    ['SLUICE_ALLOWED_HOSTS', 'a.example,'],
    ['SLUICE_ALLOWED_HOSTS', '*.example'],
    ['LOG_LEVEL', 'INFO'],
    ['DATABASE_URL', 'mysql://root:secret@host/db'],
    ['DATABASE_URL', 'postgres://user:%@host/db'],
    ['DATABASE_URL', 'host=here password=secret'],
    ['SLUICE_LISTEN_URL', 'no'],
    ['SLUICE_ROLE', 'Worker'],
    ['SLUICE_WORKERS', '65'],
  ])('refuse %s=%s without repeating it', (name, text) => {
    const [problem, ...others] = problems({ [name]: text })
    expect(problem).toMatch(`${name} must be `)
    expect(problem?.replace(/ must be .*/, '')).not.toContain(text)
    expect(others).toEqual([])
  })

  test('report every problem at once and say what was probably meant', () => {
    expect(
      problems(
        { PORT: 'x', SLUICE_CONCURENCY: '5', SLUICE_PORT: '9000', SLUICE_TRANSMOGRIFIER: 'red' },
        { batchsize: '5', retention: '0s' },
      ),
    ).toEqual([
      'There is no setting SLUICE_CONCURENCY (did you mean "SLUICE_CONCURRENCY"?).',
      'There is no setting SLUICE_PORT (did you mean "PORT"?).',
      'There is no setting SLUICE_TRANSMOGRIFIER.',
      'There is no flag --batchsize (did you mean "batch-size"?).',
      'PORT must be a whole number from 0 to 65535.',
      expect.stringMatching(/^--retention must be from 1m to 3650d/),
    ])
  })

  test('report what does not go together beside what is wrong by itself', () => {
    const env = {
      HOST: '0.0.0.0',
      SLUICE_ROLE: 'api',
      SLUICE_WORKERS: '65',
      SLUICE_CONCURENCY: '5',
    }
    expect(problems(env)).toEqual([
      expect.stringContaining('no setting SLUICE_CONCURENCY'),
      expect.stringContaining('SLUICE_WORKERS must be'),
      expect.stringContaining('SLUICE_ROLE is api'),
      expect.stringContaining('HOST reaches beyond this machine'),
    ])
  })

  test.each([
    ['PORT', { HOST: '0.0.0.0', PORT: 'x' }],
    ['DATABASE_URL', { SLUICE_ROLE: 'worker', DATABASE_URL: 'mysql://host/db' }],
  ])('say nothing of what goes together with a %s that cannot be read', (name, env) => {
    expect(problems(env)).toEqual([expect.stringMatching(`^${name} must be`)])
  })

  test.each([
    [{}, []],
    [{ HOST: '::1' }, []],
    [{ SLUICE_ALLOWED_HOSTS: 'Sluice.example.com,[::2]' }, ['sluice.example.com', '[::2]']],
    [{ HOST: '0.0.0.0', SLUICE_ALLOW_ANONYMOUS: 'true' }, null],
    [{ HOST: '0.0.0.0', SLUICE_ALLOW_ANONYMOUS: 'true', SLUICE_ALLOWED_HOSTS: 'a' }, ['a']],
  ])('with %j it goes by the names %j beside localhost', (env, names) => {
    expect(namesOf(settings(env))).toEqual(names)
  })

  test.each(['postgres://user:secret@host:5432/db?sslmode=require', 'postgresql://host/db'])(
    'take %s for a PostgreSQL',
    (url) => {
      const read = settings({ DATABASE_URL: url, SLUICE_LISTEN_URL: 'off', SLUICE_ROLE: 'worker' })
      expect(read).toMatchObject({ databaseUrl: url, listenUrl: 'off', role: 'worker' })
    },
  )

  test.each(['api', 'worker'])('refuse the role %s on the embedded store', (role) => {
    const [problem, ...others] = problems({ SLUICE_ROLE: role })
    expect(problem).toMatch(`SLUICE_ROLE is ${role}, and the embedded store belongs to one process`)
    expect(problem).toMatch('Set DATABASE_URL')
    expect(others).toEqual([])
  })

  test('refuse to listen for other processes on the embedded store', () => {
    expect(problems({ SLUICE_LISTEN_URL: 'postgres://host/db' })).toEqual([
      expect.stringContaining('Set DATABASE_URL'),
    ])
  })

  test('let a worker say how it is to everybody', () => {
    const shared = { DATABASE_URL: 'postgres://host/db', HOST: '0.0.0.0' }
    expect(problems({ ...shared, SLUICE_ROLE: 'worker' })).toEqual([])
    expect(problems({ ...shared, SLUICE_ROLE: 'api' })).toHaveLength(1)
  })

  test('show no secret', () => {
    const env = {
      DATABASE_URL: 'postgres://user:canary@host/db',
      SLUICE_LISTEN_URL: 'off',
      SLUICE_CALLBACK_SECRETS: 'whsec_canary',
    }
    const described = describeSettings(env, { 'listen-url': 'postgres://user:canary@host/db' })
    expect(JSON.stringify(described)).not.toContain('canary')
    for (const name of ['DATABASE_URL', 'SLUICE_CALLBACK_SECRETS']) {
      expect(described).toContainEqual(
        expect.objectContaining({ env: name, value: '***', from: name }),
      )
    }
  })

  const secretOf = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`

  test('take one secret for callbacks, or two', () => {
    const [one, two] = [secretOf(24), secretOf(64)]
    expect(settings({ SLUICE_CALLBACK_SECRETS: one }).callbackSecrets).toEqual([one])
    expect(settings({ SLUICE_CALLBACK_SECRETS: `${one},${two}` }).callbackSecrets).toEqual([
      one,
      two,
    ])
  })

  test.each([
    ['too short', secretOf(23)],
    ['too long', secretOf(65)],
    ['without its prefix', secretOf(24).slice('whsec_'.length)],
    ['not base64', `whsec_${'é'.repeat(40)}`],
    ['of another alphabet', `whsec_${'-_'.repeat(20)}`],
    ['three', [24, 25, 26].map(secretOf).join()],
    ['one and nothing', `${secretOf(24)},`],
  ])('refuse a secret that is %s, and do not repeat it', (_, text) => {
    expect(problems({ SLUICE_CALLBACK_SECRETS: text })).toEqual([
      'SLUICE_CALLBACK_SECRETS must be one secret, or two with a comma between, each whsec_ and 24 to 64 random bytes in base64.',
    ])
  })

  test('take ranges of addresses for callbacks', () => {
    const text = '10.0.0.0/8,fd00::/8,127.0.0.1/32'
    expect(settings({ SLUICE_CALLBACK_ALLOW_PRIVATE: text }).callbackAllowPrivate).toEqual(
      text.split(','),
    )
  })

  test.each(['10.0.0.1', '10.0.0.0/33', 'fd00::/129', '10.0.0/8', 'host/8', '10.0.0.0/8, ::1/128'])(
    'refuse %s as ranges of addresses',
    (text) => {
      expect(problems({ SLUICE_CALLBACK_ALLOW_PRIVATE: text })).toHaveLength(1)
    },
  )

  test('leave alone what Kubernetes sets for a service called sluice', () => {
    const links = {
      SLUICE_SERVICE_HOST: '10.0.0.1',
      SLUICE_PORT: 'tcp://10.0.0.1:80',
      SLUICE_PORT_80_TCP_ADDR: '10.0.0.1',
    }
    expect(problems(links)).toEqual([])
  })

  test.each(['0.0.0.0', '::', '192.168.1.5', 'example.com', '127.0.0.1.example.com'])(
    'refuse to listen on %s for everybody, unless told to',
    (host) => {
      expect(problems({ HOST: host })).toEqual([expect.stringContaining('SLUICE_ALLOW_ANONYMOUS')])
      expect(settings({ HOST: host, SLUICE_ALLOW_ANONYMOUS: 'true' }).host).toBe(host)
    },
  )

  test.each(['localhost', '127.0.0.1', '127.1.2.3', '::1'])('may listen on %s', (host) => {
    expect(problems({ HOST: host })).toEqual([])
  })
})

describe('the description of the settings', () => {
  test('tells where each value comes from', () => {
    const rows = describeSettings({ PORT: '9000', LOG_LEVEL: 'warn' }, { 'log-level': 'debug' })
    const byName = new Map(rows.map((row) => [row.env, row]))
    expect(byName.get('PORT')).toMatchObject({ flag: '--port', value: '9000', from: 'PORT' })
    expect(byName.get('LOG_LEVEL')).toMatchObject({ value: 'debug', from: '--log-level' })
    expect(byName.get('SLUICE_DATA_DIR')).toEqual({
      env: 'SLUICE_DATA_DIR',
      flag: '--data-dir',
      value: './data',
      from: 'default',
      default: './data',
      doc: 'The directory that holds the embedded store.',
    })
    expect(byName.get('SLUICE_SYSTEMS_FILE')).toMatchObject({ value: null, default: null })
  })
})
