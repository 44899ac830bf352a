import { appendFile, mkdir, open, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Connection } from '../../src/deliver/kind.ts'
import type { FileConfig } from '../../src/deliver/kinds/file/config.ts'
import { file } from '../../src/deliver/kinds/file.ts'
import { temporaryDirectory } from '../support/process.ts'
import { call } from './calls.ts'
import { connectKind, delivery } from './systems-under-test.ts'

const NEVER = new AbortController().signal

/** A directory, and a connection to files in it. */
async function files(config: Omit<FileConfig, 'directory'>) {
  const directory = await temporaryDirectory()
  const connection = connectKind(file, { directory, ...config })
  return { connection, directory, at: (path: string) => join(directory, path) }
}

const NDJSON = { write: { format: 'ndjson', path: 'out.ndjson' } } as const

function read(connection: Connection, id: string) {
  return connection.read?.(call({ id }))
}

describe('writing', () => {
  test('appends each payload as a line of JSON', async () => {
    const { connection, at } = await files(NDJSON)
    expect(await connection.write(call(), { text: 'a\nb' })).toEqual({
      kind: 'delivered',
      result: null,
    })
    await connection.bulk?.writeMany([delivery('b', [1]), delivery('c', null)], NEVER)
    expect(await readFile(at('out.ndjson'), 'utf8')).toBe('{"text":"a\\nb"}\n[1]\nnull\n')
  })

  test('at the same time never mixes lines', async () => {
    const { connection, at } = await files(NDJSON)
    const payloads = Array.from({ length: 200 }, (_, n) => ({ n, text: 'x'.repeat(n * 20) }))
    const answers = await Promise.all(payloads.map((each) => connection.write(call(), each)))
    expect(answers.every(({ kind }) => kind === 'delivered')).toBe(true)
    const lines = (await readFile(at('out.ndjson'), 'utf8')).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual(payloads)
  })

  test('as CSV puts the columns in their order, below a header, and quotes what must be', async () => {
    const { connection, at } = await files({
      write: { format: 'csv', path: 'out.csv', columns: ['id', 'na,me', 'tags', 'none'] },
    })
    await connection.write(call(), { tags: ['a', 'b'], id: 1, 'na,me': 'say "hi"\r\n', more: 0 })
    const answer = await connection.write(call(), ['no object'])
    expect(answer).toMatchObject({ kind: 'impossible', code: 'invalid_payload' })
    await connection.write(call(), { id: '=1+1', 'na,me': true, tags: null })
    expect(await readFile(at('out.csv'), 'utf8')).toBe(
      'id,"na,me",tags,none\n1,"say ""hi""\r\n","[""a"",""b""]",\n=1+1,true,,\n',
    )
  })

  test('goes on below half a line that a power cut left, and in a new file once it is moved', async () => {
    const { connection, at } = await files(NDJSON)
    await writeFile(at('out.ndjson'), '{"whole":1}\n{"ha')
    await connection.write(call(), { n: 1 })
    expect(await readFile(at('out.ndjson'), 'utf8')).toBe('{"whole":1}\n{"ha\n{"n":1}\n')
    await rename(at('out.ndjson'), at('taken.ndjson'))
    await connection.write(call(), { n: 2 })
    expect(await readFile(at('out.ndjson'), 'utf8')).toBe('{"n":2}\n')
  })

  test('has a bad payload fail alone', async () => {
    const { connection, at } = await files(NDJSON)
    const huge = 'é'.repeat(500_000)
    const answers = await connection.bulk?.writeMany(
      [delivery('a', 1), delivery('b', huge), delivery('c', 3)],
      NEVER,
    )
    expect(answers).toMatchObject([
      { kind: 'delivered' },
      { kind: 'impossible', code: 'invalid_payload' },
      { kind: 'delivered' },
    ])
    expect(await readFile(at('out.ndjson'), 'utf8')).toBe('1\n3\n')
  })

  test('takes many at once, unless it is told to take one', async () => {
    expect((await files(NDJSON)).connection.bulk?.max).toBe(100)
    expect((await files({ ...NDJSON, bulk: { max: 7 } })).connection.bulk?.max).toBe(7)
    expect((await files({ ...NDJSON, bulk: { max: 1 } })).connection.bulk).toBeNull()
  })

  test('is interrupted at once when we stop', async () => {
    const { connection } = await files(NDJSON)
    expect(await connection.write(call({}, AbortSignal.abort()), 1)).toEqual({
      kind: 'interrupted',
    })
  })

  test('is not possible without a "write" in the systems file', async () => {
    const { connection } = await files({})
    expect(connection.read).toBeNull()
    expect(await connection.write(call(), 1)).toMatchObject({ code: 'not_configured' })
  })
})

describe.each([
  [
    'ndjson',
    '\uFEFF{"id":2,"n":"ü"}\n{"id":"a","n":1}\nnot JSON\n\n{"id":"a","n":3}\n{"n":4}',
    3,
    'ü',
  ],
  ['csv', '\uFEFFid,n\r\na,1\r\n"2",ü\n\na,3\n,4\n', '3', 'ü'],
] as const)('reading %s', (format, text, lastOfA, ofTwo) => {
  const config = { read: { format, path: 'in', key: 'id' } }

  test('gives the record of the id, the last one where there are several', async () => {
    const { connection, at } = await files(config)
    await writeFile(at('in'), text)
    expect(await read(connection, 'a')).toMatchObject({ kind: 'record', record: { n: lastOfA } })
    expect(await read(connection, '2')).toMatchObject({ kind: 'record', record: { n: ofTwo } })
    expect(await read(connection, 'b')).toMatchObject({ code: 'record_not_found', stage: 'read' })
  })

  test('sees what the file has become, and that it is gone', async () => {
    const { connection, at } = await files(config)
    expect(await read(connection, 'new')).toMatchObject({ code: 'record_not_found' })
    await writeFile(at('in'), text)
    expect(await read(connection, 'new')).toMatchObject({ code: 'record_not_found' })
    await appendFile(at('in'), format === 'csv' ? 'new,5\n' : '\n{"id":"new","n":5}\n')
    expect(await read(connection, 'new')).toMatchObject({ kind: 'record' })
  })

  test('finds each of many records', async () => {
    const { connection, at } = await files(config)
    const ids = Array.from({ length: 5000 }, (_, n) => `id-${n}`)
    const lines = ids.map((id, n) =>
      format === 'csv' ? `${id},"${n}\n${'y'.repeat(n % 100)}"` : JSON.stringify({ id, n }),
    )
    await writeFile(at('in'), `${format === 'csv' ? 'id,n\n' : ''}${lines.join('\n')}`)
    for (const id of ['id-0', 'id-1', 'id-2500', 'id-4999']) {
      expect(await read(connection, id)).toMatchObject({ record: { id } })
    }
  })

  test('leaves out a record that is too large', async () => {
    const { connection, at } = await files({ read: { format: 'ndjson', path: 'in', key: 'id' } })
    const large = JSON.stringify({ id: 'large', text: 'x'.repeat(1_000_000) })
    await writeFile(at('in'), `${large}\n{"id":"small"}`)
    expect(await read(connection, 'large')).toMatchObject({ code: 'record_not_found' })
    expect(await read(connection, 'small')).toMatchObject({ kind: 'record' })
  })
})

test('a CSV file that is none is misconfigured', async () => {
  const { connection, at } = await files({ read: { format: 'csv', path: 'in', key: 'id' } })
  await writeFile(at('in'), 'id,n\n"canary"x,1\n')
  const answer = await read(connection, 'a')
  expect(answer).toMatchObject({ kind: 'misconfigured', code: 'invalid_file' })
  expect(JSON.stringify(answer)).not.toContain('canary')
})

describe('nothing leads out of the directory', () => {
  test.each(['link', 'folder/out'])('not %s', async (path) => {
    const outside = await temporaryDirectory()
    await writeFile(join(outside, 'out'), '{"id":"a"}\n')
    const directory = await temporaryDirectory()
    await symlink(join(outside, 'out'), join(directory, 'link'))
    await symlink(outside, join(directory, 'folder'))
    const connection = connectKind(file, {
      directory,
      read: { format: 'ndjson', path, key: 'id' },
      write: { format: 'ndjson', path },
    })
    const refused = { kind: 'misconfigured', code: 'path_not_allowed' }
    expect(await read(connection, 'a')).toMatchObject(refused)
    expect(await connection.write(call(), 'canary')).toMatchObject(refused)
    expect(await readFile(join(outside, 'out'), 'utf8')).toBe('{"id":"a"}\n')
  })

  test('not even into one whose name begins as its own does', async () => {
    const parent = await temporaryDirectory()
    const directory = join(parent, 'data')
    const beside = join(parent, 'data-of-others')
    for (const path of [directory, beside]) await mkdir(path)
    await symlink(beside, join(directory, 'folder'))
    const write = { format: 'ndjson', path: 'folder/out' } as const
    const connection = connectKind(file, { directory, write })
    expect(await connection.write(call(), 1)).toMatchObject({ code: 'path_not_allowed' })
  })

  test('but the directory itself may be a link, and a link within it is fine', async () => {
    const directory = await temporaryDirectory()
    await mkdir(join(directory, 'real'))
    await symlink(join(directory, 'real'), join(directory, 'link'))
    const connection = connectKind(file, {
      directory: join(directory, 'link'),
      write: { format: 'ndjson', path: 'out' },
    })
    expect(await connection.write(call(), 1)).toMatchObject({ kind: 'delivered' })
  })
})

test('a directory that is not there is misconfigured', async () => {
  const connection = connectKind(file, { directory: '/nowhere/at/all', ...NDJSON })
  expect(await connection.write(call(), 1)).toMatchObject({ kind: 'misconfigured' })
})

test('a disk that is full is unavailable', async () => {
  const connection = connectKind(file, {
    directory: '/dev',
    write: { format: 'ndjson', path: 'full' },
  })
  expect(await connection.write(call(), 1)).toMatchObject({
    kind: 'declined',
    manner: 'unavailable',
    message: 'The file system failed (ENOSPC).',
  })
})

test('what a disk has not kept is taken back, and only that', async () => {
  const { connection, at } = await files(NDJSON)
  await connection.write(call(), { n: 1 })
  await using handle = await open(at('out.ndjson'))
  const datasync = vi.spyOn(Object.getPrototypeOf(handle), 'datasync')
  onTestFinished(() => datasync.mockRestore())
  datasync.mockRejectedValueOnce(Object.assign(new Error('it failed'), { code: 'EIO' }))
  const answer = await connection.write(call(), { n: 2 })
  expect(answer).toMatchObject({ kind: 'declined', manner: 'unavailable' })
  expect(await readFile(at('out.ndjson'), 'utf8')).toBe('{"n":1}\n')
  expect(await connection.write(call(), { n: 3 })).toMatchObject({ kind: 'delivered' })
  expect(await readFile(at('out.ndjson'), 'utf8')).toBe('{"n":1}\n{"n":3}\n')
})
