import type { Refusal } from '../../kind.ts'
import { type CallStage, declined, disconnected, misconfigured } from '../endings.ts'

/** Codes of the server that say something of the moment, and not of the document. */
const PASSING = new Set([
  ...[6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436],
  // A conflict with another write, a lock that could not be had, too few replicas, a full disk.
  ...[112, 24, 64, 79, 100, 14031],
])
const UNAUTHORIZED = new Set([13, 18, 8000])
const DUPLICATE_KEY = 11_000
const INVALID_DOCUMENT = 121

/** The driver cannot make anything of the connection string. */
export class InvalidUrl extends Error {}

/** What an error of the driver, or of one document, means. It quotes nothing of the document. */
export function judge(error: unknown, stage: CallStage): Refusal {
  if (error instanceof InvalidUrl) {
    return misconfigured(stage, 'invalid_url', 'The url is not a connection string of MongoDB.')
  }
  const code = codeOf(error)
  if (code === null) return disconnected(stage, rootOf(error))
  if (UNAUTHORIZED.has(code)) {
    return declined(stage, 'unauthorized', `MongoDB: it does not take our credentials (${code}).`)
  }
  if (PASSING.has(code)) return declined(stage, 'unavailable', `MongoDB: it cannot now (${code}).`)
  return declined(stage, 'rejected', `MongoDB: ${words(code)} (${code}).`)
}

function words(code: number): string {
  if (code === DUPLICATE_KEY) return 'another document has this value, which must be unique'
  if (code === INVALID_DOCUMENT) return 'the document is not as its collection demands'
  return 'it refused the document'
}

function codeOf(error: unknown): number | null {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'number' ? code : null
}

/** The driver wraps what happened to a connection, perhaps several times over. */
function rootOf(error: unknown): unknown {
  const { cause } = error instanceof Error ? error : {}
  return cause instanceof Error ? rootOf(cause) : error
}
