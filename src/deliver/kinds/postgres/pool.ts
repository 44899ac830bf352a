import type { Pool, PoolClient } from 'pg'
import { openGuard } from '../../connect/guard.ts'
import { safeConnect } from '../../connect/safe-connect.ts'
import { tlsOptions } from '../../connect/tls.ts'
import type { SystemContext } from '../../kind.ts'
import { type Ended, within } from '../../within.ts'
import { addressOf } from '../address.ts'
import type { PostgresConfig } from './config.ts'
import { isOfStatement } from './judge.ts'

const PORT = 5432

/** The connections to one database: as many as the system may have calls, made when first needed. */
export interface Lines {
  /** Works with a connection that nobody else uses meanwhile. */
  use<T>(signal: AbortSignal, work: (client: PoolClient) => Promise<T>): Promise<Ended<T>>
  close(): Promise<void>
}

/** Opens nothing yet. */
export function openLines(system: SystemContext<PostgresConfig>): Lines {
  let opening: Promise<Pool> | null = null

  async function client(): Promise<PoolClient> {
    opening ??= openPool(system)
    return (await opening).connect()
  }

  return {
    use: (signal, work) => within(system, signal, (cut) => useAlone(client(), work, cut)),
    close: async () => (await opening)?.end(),
  }
}

async function openPool(system: SystemContext<PostgresConfig>): Promise<Pool> {
  const { default: pg } = await import('pg')
  const { tls, allow_private } = system.config
  const guard = openGuard(allow_private)
  const { host, port, user, password, path } = addressOf(system.config, PORT)
  const pool = new pg.Pool({
    ...{ host, port, user, password, database: path },
    ...(tls !== undefined && { ssl: tlsOptions(tls) }),
    // The driver would connect the socket that it is given, and starts TLS on it itself.
    stream: () => Object.assign(safeConnect({ host, port, tls: null }, guard), { connect: ignore }),
    max: system.concurrency,
    connectionTimeoutMillis: system.timeout,
    statement_timeout: system.timeout,
    application_name: 'sluice',
    keepAlive: true,
    allowExitOnIdle: true,
  })
  // An idle connection that breaks is not missed: the next call makes another.
  pool.on('error', ignore)
  // From its first moment: what says that it is ready may say as well that the server is going away.
  pool.on('connect', (client) => client.on('error', ignore))
  return pool
}

/**
 * Gives the connection back afterwards; ends it where the work was cut off, because its answer would
 * come to whoever had it next. A statement that failed does no harm to it.
 */
async function useAlone<T>(
  taken: Promise<PoolClient>,
  work: (client: PoolClient) => Promise<T>,
  cut: AbortSignal,
): Promise<T> {
  const client = await taken
  let released = false
  const release = (broken: boolean) => {
    if (released) return
    released = true
    client.release(broken)
  }
  const drop = () => release(true)
  cut.addEventListener('abort', drop)
  try {
    cut.throwIfAborted()
    const value = await work(client)
    release(false)
    return value
  } catch (error) {
    release(!isOfStatement(error))
    throw error
  } finally {
    cut.removeEventListener('abort', drop)
  }
}

/** An error is heard where the statement under way fails with it. */
function ignore(): void {}
