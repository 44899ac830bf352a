import pg from 'pg'
import { StoreUnavailable } from '../store.ts'

/** The statement was sent, and the connection is gone: it may have been carried out, or not. */
export class AnswerLost extends StoreUnavailable {}

/**
 * Makes a call once more where its answer was lost: for calls that may be said twice.
 *
 * @param onRepeat told before it does
 */
export async function onceMore<T>(call: () => Promise<T>, onRepeat = () => {}): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof AnswerLost)) throw error
    onRepeat()
    return call()
  }
}

/** Sluice itself will not do it; the message tells people why, and what to do. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}

/** Classes of SQLSTATE that say "not now" rather than "never". */
const UNAVAILABLE_CLASSES = new Set([
  '08', // the connection
  '53', // too many connections, no room on the disk, no memory
  '57', // cancelled, shut down, starting up
  '58', // the server's own disk or files
])

const UNAVAILABLE = new Set([
  '25006', // this server only reads: another has become the primary
  '28000', // credentials are being changed …
  '28P01', // … and this one still has the old ones
  '40001', // it could not be put in order with others, again and again
  '40P01', // it and others waited for each other, again and again
  '55P03', // a lock was not to be had
])

/** Nothing of it was written, and it may well succeed at once. */
const TRANSIENT = new Set(['40001', '40P01'])

const UNIQUE_VIOLATION = '23505'

/** What a server says when it ends a session: of the connection, of a shutdown, of one that stood idle. */
const ENDS_SESSION = /^(08|57P|25P0[345])/

/**
 * Whether the server refused a statement and goes on with the connection. How grave an error is it tells
 * in its own language (`lc_messages`), so only its code can be relied on.
 */
export function isOfStatement(cause: unknown): boolean {
  if (!(cause instanceof pg.DatabaseError) || ENDS_SESSION.test(sqlState(cause))) return false
  return cause.severity !== 'FATAL' && cause.severity !== 'PANIC'
}

/** Whether a server will not let us in until somebody changes something: a user, a name, a right. */
export function isRefusal(cause: unknown): boolean {
  return /^(28|3D|42)/.test(sqlState(cause))
}

/** Whether the same transaction should simply be run again. */
export function isTransient(cause: unknown): boolean {
  return TRANSIENT.has(sqlState(cause))
}

/** Whether there is a row already that may be there only once. */
export function isUniqueViolation(cause: unknown): boolean {
  return sqlState(cause) === UNIQUE_VIOLATION
}

/** What a caller of the store is told of what the driver threw. */
export function toStoreError(cause: unknown): Error {
  if (!(cause instanceof Error)) return new Error(String(cause))
  if (cause instanceof StoreUnavailable || cause instanceof Refusal) return cause
  // A bug of ours, found before anything was sent.
  if (cause instanceof TypeError || cause instanceof RangeError) return cause
  const state = sqlState(cause)
  const isNotNow = UNAVAILABLE.has(state) || UNAVAILABLE_CLASSES.has(state.slice(0, 2))
  // What the server did not say, the connection did.
  if (cause instanceof pg.DatabaseError && !isNotNow) return cause
  return new StoreUnavailable(`PostgreSQL: ${reasonOf(cause)}`, { cause })
}

/** What a caller is told of a connection that failed with a statement under way. */
export function toLost(cause: unknown): Error {
  const error = toStoreError(cause)
  return error instanceof StoreUnavailable ? new AnswerLost(error.message, { cause }) : error
}

function sqlState(cause: unknown): string {
  return cause instanceof pg.DatabaseError ? (cause.code ?? '') : ''
}

/** What an error says; Node's, when several addresses were tried, has a code and no words. */
export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if (cause.message !== '') return cause.message
  return 'code' in cause ? String(cause.code) : cause.name
}
