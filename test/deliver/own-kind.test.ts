import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { kindsNamed, readSystems } from '../../src/config/systems.ts'
import type { Json } from '../../src/core/units.ts'
import { defineKind, type OwnConnection, Type } from '../../src/deliver/define-kind.ts'
import { kindsFor } from '../../src/deliver/kinds.ts'
import { ownKind } from '../../src/deliver/own-kind.ts'
import { temporaryDirectory } from '../support/process.ts'
import { call } from './calls.ts'
import { connectKind, delivery } from './systems-under-test.ts'

const NEVER = new AbortController().signal

/** A connection that somebody wrote as they pleased. */
function connect(own: Partial<OwnConnection>, { timeout = 5000, config = {} } = {}) {
  const delivers = async () => ({ kind: 'delivered', result: null }) as const
  const defined = defineKind({
    config: Type.Object({}),
    connect: () => ({ write: delivers, ...own }),
  })
  return connectKind(ownKind('./own.ts', defined), config as never, { timeout })
}

describe('a kind of one’s own', () => {
  test('answers as it was written', async () => {
    const connection = connect({
      read: async ({ mapping }) => ({ kind: 'record', record: { of: mapping.id } }),
      write: async (_, payload) => ({ kind: 'delivered', result: payload }),
      bulk: {
        max: 7,
        writeMany: async (all) =>
          all.map(({ payload: result }) => ({ kind: 'delivered', result }) as const),
      },
    })
    expect(await connection.read?.(call())).toEqual({ kind: 'record', record: { of: 'map_001' } })
    expect(await connection.write(call(), 5)).toEqual({ kind: 'delivered', result: 5 })
    expect(connection.bulk?.max).toBe(7)
    const answers = await connection.bulk?.writeMany([delivery('a', 1), delivery('b', 2)], NEVER)
    expect(answers).toMatchObject([{ result: 1 }, { result: 2 }])
  })

  test('has nothing to read, takes one at a time and need not be closed, where it does not say', async () => {
    const connection = connect({})
    expect(connection.read).toBeNull()
    expect(connection.bulk).toBeNull()
    await connection.close()
  })

  test.each([
    ['throws', () => Promise.reject(new Error('no way to'))],
    ['takes for ever', () => new Promise<never>(() => {})],
  ])('is closed, although its close %s', async (_, close) => {
    await connect({ close }).close()
  })

  test('that throws, at once or later, has not answered; no secret of its config is told', async () => {
    const fail = () => {
      throw new Error('no way to\nhttps://user:canary-secret@x')
    }
    const config = { password: 'canary-secret' }
    const expected = {
      kind: 'unanswered',
      code: 'connection_failed',
      message: 'The kind threw: no way to https://user:[secret]@x',
    }
    expect(await connect({ write: fail }, { config }).write(call(), 1)).toMatchObject(expected)
    const later = connect({ write: async () => fail() }, { config })
    expect(await later.write(call(), 1)).toMatchObject({ ...expected, stage: 'write' })
    const reading = connect({ read: fail }, { config })
    expect(await reading.read?.(call())).toMatchObject({ ...expected, stage: 'read' })
  })

  test('that throws what has no words, or answers what cannot be looked at, has not answered', async () => {
    const failed = { kind: 'unanswered', code: 'connection_failed' }
    const fail = async () => {
      throw Object.assign(new Error(), { message: { code: 7 } })
    }
    expect(await connect({ write: fail }).write(call(), 1)).toMatchObject({
      ...failed,
      message: 'The kind threw: something that is no error',
    })
    const opaque = {
      get kind(): never {
        throw new Error('not now')
      },
    }
    const answer = async () => opaque as never
    const connection = connect({ read: answer, write: answer, bulk: { max: 2, writeMany: answer } })
    expect(await connection.read?.(call())).toMatchObject({ ...failed, stage: 'read' })
    expect(await connection.write(call(), 1)).toMatchObject({ ...failed, stage: 'write' })
    const answers = await connection.bulk?.writeMany([delivery('a', 1), delivery('b', 1)], NEVER)
    expect(answers).toMatchObject([failed, failed])
  })

  test.each([
    ['fails', () => Promise.reject(new Error('the client was never connected'))],
    ['never ends', () => new Promise<void>(() => {})],
  ])('whose close %s keeps nobody from starting or stopping', async (_, close) => {
    await connect({ close }, { timeout: 20 }).close()
  })

  test('that cannot connect says why, and for which system, without a secret of its config', () => {
    const config = { password: 'canary-secret' }
    const throwing = defineKind({
      config: Type.Object({}),
      connect(): OwnConnection {
        throw new Error('no socket for canary-secret')
      },
    })
    const connecting = () => connectKind(ownKind('./own.ts', throwing), config as never)
    expect(connecting).toThrow(
      /^The kind of the system \w+ cannot connect it: no socket for \[secret\]$/,
    )
  })

  test('that hangs is given up at its timeout, or when we stop, and is told so', async () => {
    const signals: AbortSignal[] = []
    const hang: OwnConnection['write'] = ({ signal }) => {
      signals.push(signal)
      return new Promise(() => {})
    }
    const late = await connect({ write: hang }, { timeout: 20 }).write(call(), 1)
    expect(late).toMatchObject({ kind: 'unanswered', code: 'timeout' })
    const stop = new AbortController()
    const interrupted = connect({ write: hang }).write(call({}, stop.signal), 1)
    stop.abort()
    expect(await interrupted).toEqual({ kind: 'interrupted' })
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  })

  test.each([undefined, null, 5, 'delivered', { kind: 'done' }, []])(
    'that gives %j for an answer has not answered',
    async (answer) => {
      const write = async () => answer as never
      expect(await connect({ write }).write(call(), 1)).toMatchObject({ code: 'invalid_response' })
      const bulk = { max: 2, writeMany: write }
      const answers = await connect({ bulk }).bulk?.writeMany([delivery('a', 1)], NEVER)
      expect(answers).toMatchObject([{ code: 'invalid_response' }])
    },
  )

  const STAGED = { stage: 'write', message: 'no' } as const
  test.each([
    { kind: 'refused', ...STAGED, httpStatus: 429, retryAfter: Number.NaN },
    { kind: 'refused', ...STAGED, httpStatus: 429 },
    { kind: 'refused', ...STAGED, httpStatus: '429', retryAfter: null },
    { kind: 'refused', ...STAGED, httpStatus: 429, retryAfter: -1 },
    { kind: 'refused', stage: 'write', httpStatus: 500, retryAfter: null },
    { kind: 'declined', ...STAGED, manner: 'tired' },
    { kind: 'unanswered', ...STAGED, code: 'lost' },
    { kind: 'impossible', ...STAGED, code: 'Not a code' },
    { kind: 'impossible', ...STAGED, code: 'x'.repeat(65) },
    { kind: 'misconfigured', ...STAGED },
  ])('that gives the half of an answer %j has not answered', async (answer) => {
    const own = { read: async () => answer as never, write: async () => answer as never }
    const expected = { kind: 'unanswered', code: 'invalid_response' }
    expect(await connect(own).write(call(), 1)).toMatchObject({ ...expected, stage: 'write' })
    expect(await connect(own).read?.(call())).toMatchObject({ ...expected, stage: 'read' })
  })

  test('says no in few words, without a secret, and of the step that it was asked for', async () => {
    const message = `canary-secret\n${'x'.repeat(1000)}`
    const answer = { kind: 'impossible', stage: 'transform', code: 'no', message } as const
    const config = { password: 'canary-secret' }
    const read = async () => answer
    expect(await connect({ read }, { config }).read?.(call())).toEqual({
      kind: 'impossible',
      stage: 'read',
      code: 'no',
      message: `[secret] ${'x'.repeat(191)}`,
    })
  })

  test.each([
    [0, 1],
    [Number.NaN, 1],
    [2.5, 2],
    [1_000_000, 1000],
  ])('that takes %d in a call is given %d', (max, given) => {
    const bulk = { max, writeMany: async () => [] }
    expect(connect({ bulk }).bulk?.max).toBe(given)
  })

  test('keeps what is JSON, and not too large', async () => {
    const results: readonly (readonly [unknown, Json])[] = [
      [undefined, null],
      [new Date(0), '1970-01-01T00:00:00.000Z'],
      [1n, '(no JSON, or too large to keep)'],
      ['x'.repeat(5000), '(no JSON, or too large to keep)'],
    ]
    for (const [result, kept] of results) {
      const write = async () => ({ kind: 'delivered', result: result as never }) as const
      expect(await connect({ write }).write(call(), 1)).toEqual({ kind: 'delivered', result: kept })
    }
    const record = 'x'.repeat(1_000_000)
    const answer = await connect({ read: async () => ({ kind: 'record', record }) }).read?.(call())
    expect(answer).toMatchObject({ kind: 'impossible', code: 'invalid_record' })
  })
})

const GOOD = `
  import { defineKind, Type } from 'sluice/kind'
  export default defineKind({
    config: Type.Object({ colour: Type.Enum(['red', 'blue']) }),
    connect: ({ config }) => ({ write: async () => ({ kind: 'delivered', result: config.colour }) }),
  })`

/** Reads a systems file that stands in a directory. */
async function read(directory: string, text: string) {
  const settings = { simulated: { latency: 0, successRate: 1 }, userAgent: 'sluice', directory }
  const kinds = await kindsFor(kindsNamed(text), settings)
  const source = { text, fileName: 'systems.yaml', concurrency: 1, env: {}, readFile: () => '' }
  return { kinds, read: readSystems({ ...source, kinds }) }
}

describe('a systems file that names a kind by its path', () => {
  test('has it loaded, from wherever it is, and its entries checked', async () => {
    const directory = await temporaryDirectory()
    await mkdir(join(directory, 'kinds'))
    await writeFile(join(directory, 'kinds/colour.ts'), GOOD)
    const text = `systems:
  good: { kind: ./kinds/colour.ts, colour: red, concurrency: 3 }
  bad:
    kind: ./kinds/colour.ts
    colour: green
    size: 3
`
    const { kinds, read: result } = await read(directory, text)
    expect(result).toEqual({
      ok: false,
      problems: [
        { file: 'systems.yaml', line: 5, message: 'systems.bad.colour must be one of red, blue' },
        { file: 'systems.yaml', line: 6, message: 'systems.bad.size is not known' },
      ],
    })
    const kind = kinds.find(({ name }) => name === './kinds/colour.ts')
    if (kind === undefined || 'problem' in kind) throw new Error('not loaded')
    const connection = connectKind(kind, { colour: 'red' } as never)
    expect(await connection.write(call(), 1)).toEqual({ kind: 'delivered', result: 'red' })
  })

  test('is told what is wrong with the kind, and in which line', async () => {
    const directory = await temporaryDirectory()
    const outside = await temporaryDirectory()
    await writeFile(join(outside, 'kind.ts'), GOOD)
    await symlink(join(outside, 'kind.ts'), join(directory, 'link.ts'))
    await writeFile(join(directory, 'throws.ts'), 'throw new Error("not today")')
    await writeFile(join(directory, 'other.ts'), 'export default { connect() {} }')
    await writeFile(join(directory, 'broken.ts'), 'export default {')
    const kinds = ['nowhere.ts', 'link.ts', 'throws.ts', 'other.ts', 'broken.ts', 'kind.txt']
    const lines = kinds.map((path, n) => `  s${n}: { kind: ./${path} }\n`)
    const { read: result } = await read(directory, `systems:\n${lines.join('')}`)
    const told = result.ok ? [] : result.problems.map(({ line, message }) => `${line}: ${message}`)
    expect(told).toEqual([
      `2: systems.s0.kind is not there; it is looked for from ${directory} on`,
      '3: systems.s1.kind must be in the directory of the systems file, or below it',
      '4: systems.s2.kind cannot be loaded: not today',
      '5: systems.s3.kind must export by default what defineKind returns',
      expect.stringMatching(/^6: systems.s4.kind cannot be loaded: ./),
      '7: systems.s5.kind must end in .ts, .mts, .js or .mjs',
    ])
  })
})
