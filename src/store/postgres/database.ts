import pg from 'pg'
import type { DurationMs } from '../../core/units.ts'
import { sleep, systemClock } from '../../lib/clock.ts'
import { systemRandom } from '../../lib/random.ts'
import { isOfStatement, isTransient, toLost, toStoreError } from './fault.ts'

/** A statement that has no answer by then has lost its connection, whatever the socket says. */
const ANSWER_MS: DurationMs = 15_000

/** How long a call waits for a connection: until one is made, or free. */
const CONNECT_MS: DurationMs = 5000

/** When an idle connection is probed by the operating system. */
const KEEPALIVE_MS: DurationMs = 10_000

/** How often a transaction is run again that got in another's way. */
const RETRIES_MAX = 5
const RETRY_MS: DurationMs = 10

export interface Database {
  /**
   * Runs one statement, which is one transaction: no round trips for BEGIN and COMMIT, nothing that is
   * left open when a connection breaks, and nothing that a pooler between would have to remember. The
   * row type is a claim about the SQL: this is the boundary where untyped rows get their types.
   *
   * @throws StoreUnavailable, and then all of it or nothing was written
   */
  query<Row>(sql: string, parameters: readonly unknown[]): Promise<readonly Row[]>
  close(): Promise<void>
}

/** Opens nothing yet: connections are made when they are first needed, at most so many. */
export function openDatabase(url: string, connections: number): Database {
  const pool = new pg.Pool({
    ...connectionOptions(url),
    max: connections,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: ANSWER_MS,
  })
  // An idle connection that breaks is not missed: the next call makes another.
  pool.on('error', ignore)
  // From its first moment: what says that it is ready may say as well that the server is going away.
  pool.on('connect', (client) => client.on('error', ignore))

  async function once<Row>(sql: string, parameters: readonly unknown[]): Promise<readonly Row[]> {
    const client = await pool.connect()
    let broken = true
    try {
      const { rows } = await client.query(sql, parameters.map(storable))
      broken = false
      return rows
    } catch (cause) {
      broken = !isOfStatement(cause)
      throw broken ? toLost(cause) : cause
    } finally {
      // An answer that is still to come would be taken for that of the next statement.
      client.release(broken)
    }
  }

  return {
    async query<Row>(sql: string, parameters: readonly unknown[]) {
      for (let retry = 0; ; retry++) {
        try {
          return await once<Row>(sql, parameters)
        } catch (cause) {
          if (!isTransient(cause) || retry === RETRIES_MAX) throw toStoreError(cause)
          await sleep(systemClock, systemRandom() * RETRY_MS * 2 ** retry)
        }
      }
    },
    close: () => pool.end(),
  }
}

/** How every connection is made. Nothing that a transaction-mode pooler would refuse, or forget. */
export function connectionOptions(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: 'sluice',
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    types: { getTypeParser },
  }
}

/** A text as it will be stored: PostgreSQL holds any character but one, and no lone surrogates. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed()
}

function storable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(storable)
  return typeof value === 'string' && value.includes('\0') ? storableText(value) : value
}

const INT8 = 20
const INT8_ARRAY = 1016

/** Whole numbers of eight bytes come as text, because not all of them are numbers here; ours are. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  if (oid === INT8) return toNumber
  if (oid === INT8_ARRAY) return toNumbers
  return pg.types.getTypeParser(oid, format)
}

function toNumber(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number)) throw new RangeError(`${text} is too large for a number`)
  return number
}

function toNumbers(text: string): readonly number[] {
  return text === '{}' ? [] : text.slice(1, -1).split(',').map(toNumber)
}

/** A broken connection is noticed by the statement that needs it. */
function ignore(): void {}
