import type { Manner } from '../../../core/outcome.ts'
import type { Refusal } from '../../kind.ts'
import { type CallStage, declined, disconnected, errorCode, misconfigured } from '../endings.ts'

/** By the SQLSTATE or the beginning of one; the first that fits tells what happened. */
const STATES: readonly (readonly [
  state: string,
  manner: Manner | 'misconfigured',
  words: string,
])[] = [
  ['22', 'rejected', 'a value does not fit its column'],
  ['23502', 'rejected', 'a column that must have a value has none'],
  ['23503', 'rejected', 'a row that this one refers to is not there'],
  ['23505', 'rejected', 'another row has this value, which must be unique'],
  ['23', 'rejected', 'a constraint of the table does not hold'],
  ['28', 'unauthorized', 'it does not take our credentials'],
  ['3D000', 'misconfigured', 'there is no such database'],
  ['42501', 'unauthorized', 'we may not use this table'],
  ['42P01', 'misconfigured', 'there is no such table'],
  ['42P10', 'misconfigured', 'the key has no unique index'],
  ['3F000', 'misconfigured', 'there is no such schema'],
  ['42703', 'misconfigured', 'there is no such column'],
  ['25006', 'unavailable', 'it only takes reads now'],
  ['40', 'unavailable', 'another transaction was in the way'],
  ['55P03', 'unavailable', 'a lock could not be had'],
  ['53', 'unavailable', 'it has run out of connections, memory or disk'],
  ['57', 'unavailable', 'it is starting or stopping'],
  ['08', 'unavailable', 'its connection was lost'],
  ['58', 'unavailable', 'its machine failed'],
  ['XX', 'unavailable', 'it failed inside'],
]

const STATEMENT_TIMEOUT = '57014'

/** What an error of the driver means. It names columns and constraints, and never a value. */
export function judge(error: unknown, stage: CallStage): Refusal {
  const state = sqlState(error)
  if (state === null) return judgeConnection(error, stage)
  if (state === STATEMENT_TIMEOUT) {
    const message = `PostgreSQL gave the statement up because it took too long (${state}).`
    return { kind: 'unanswered', stage, code: 'timeout', message }
  }
  const found = STATES.find(([start]) => state.startsWith(start))
  const [, manner, words] = found ?? ([state, 'rejected', 'it refused the statement'] as const)
  const message = `PostgreSQL: ${words}${whereabouts(error)} (${state}).`
  return manner === 'misconfigured'
    ? misconfigured(stage, 'statement_refused', message)
    : declined(stage, manner, message)
}

/** The rows, and not the server or the statement, are at fault; another row may well be taken. */
export function isAboutData(error: unknown): boolean {
  return /^(?:21|22|23|44|54|P0)/.test(sqlState(error) ?? '')
}

/** What a server says when it ends a session: of the connection, of a shutdown, of what broke inside. */
const ENDS_SESSION = /^(?:08|25P0[345]|57P|58|XX)/

/**
 * Whether the server refused a statement and goes on with the connection. How grave an error is it tells
 * in its own language, so only its code can be relied on.
 */
export function isOfStatement(error: unknown): boolean {
  const state = sqlState(error)
  return state !== null && !ENDS_SESSION.test(state)
}

/** Null where it was not the server that spoke. */
function sqlState(error: unknown): string | null {
  return error instanceof Error && 'severity' in error ? errorCode(error) : null
}

/** The driver itself refuses to answer a server that asks for a password that it does not have. */
function judgeConnection(error: unknown, stage: CallStage): Refusal {
  const asksForPassword = error instanceof Error && /^SASL|password must be/.test(error.message)
  return asksForPassword
    ? declined(stage, 'unauthorized', 'PostgreSQL asks for another password than we have.')
    : disconnected(stage, error)
}

function whereabouts(error: unknown): string {
  const { column, constraint } = (error ?? {}) as { column?: unknown; constraint?: unknown }
  if (typeof column === 'string') return `, column "${column}"`
  return typeof constraint === 'string' ? `, constraint "${constraint}"` : ''
}
