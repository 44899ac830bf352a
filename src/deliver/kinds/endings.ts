/** The answers that kinds have in common, above all those without HTTP, and what the error of a connection is called. */
import type { Manner } from '../../core/outcome.ts'
import type { DurationMs, Json } from '../../core/units.ts'
import { AddressNotAllowed } from '../connect/guard.ts'
import type { Impossible, Refusal, WriteAnswer } from '../kind.ts'
import type { Ended } from '../within.ts'

export type CallStage = 'read' | 'write'

/** Success, where the system has nothing to say beyond that. */
export const DELIVERED: WriteAnswer = { kind: 'delivered', result: null }

/** An answer of the system that is not a success. */
export function declined(stage: CallStage, manner: Manner, message: string): Refusal {
  return { kind: 'declined', stage, manner, message }
}

/** The system cannot be called as it is set up, by us or by its own operator. */
export function misconfigured(stage: CallStage, code: string, message: string): Refusal {
  return { kind: 'misconfigured', stage, code, message }
}

/** The payload as it is can never be handed over. `message` says why. */
export function invalidPayload(message: string): Impossible {
  return { kind: 'impossible', stage: 'write', code: 'invalid_payload', message }
}

/** The mapping's record is not there. */
export function noRecord(message: string): Impossible {
  return { kind: 'impossible', stage: 'read', code: 'record_not_found', message }
}

/** The record is there, and cannot be used. */
export function invalidRecord(message: string): Impossible {
  return { kind: 'impossible', stage: 'read', code: 'invalid_record', message }
}

/** A system whose entry has no `read` or no `write` was asked to. */
export function notConfigured(stage: CallStage): Impossible {
  const message = `The entry of this system in the systems file has no "${stage}".`
  return { kind: 'impossible', stage, code: 'not_configured', message }
}

/** There was no whole answer in time. */
export function tooLate(stage: CallStage, timeout: DurationMs): Refusal {
  const message = `There was no complete answer within ${timeout} ms.`
  return { kind: 'unanswered', stage, code: 'timeout', message }
}

/** What work that brought nothing means; `judge` knows the errors of the driver. */
export function refusalOf(
  ended: Exclude<Ended<never>, { kind: 'done' }>,
  stage: CallStage,
  timeout: DurationMs,
  judge: (error: unknown, stage: CallStage) => Refusal,
): Refusal {
  if (ended.kind === 'interrupted') return { kind: 'interrupted' }
  return ended.kind === 'timeout' ? tooLate(stage, timeout) : judge(ended.error, stage)
}

const CAUSES: readonly (readonly [codes: RegExp, cause: string])[] = [
  [/ETIMEDOUT|CONNECT_TIMEOUT/, 'No connection could be made in time'],
  [/ECONNREFUSED/, 'The connection was refused'],
  [/ENOTFOUND/, 'The host name is unknown'],
  [/EAI_AGAIN/, 'The host name could not be looked up'],
  [/EHOSTUNREACH|ENETUNREACH/, 'The host cannot be reached'],
  [/CERT|VERIFY|ALTNAME/, 'The certificate of the host is not trusted'],
  [/EPROTO|ERR_SSL|ERR_TLS/, 'TLS failed'],
]

/**
 * A connection that could not be made or was lost. Only the code of the error, or else its name, is
 * told: its text may quote what was sent.
 */
export function disconnected(stage: CallStage, error: unknown): Refusal {
  if (error instanceof AddressNotAllowed) {
    return misconfigured(stage, 'address_not_allowed', error.message)
  }
  const code = errorCode(error)
  const cause = CAUSES.find(([codes]) => codes.test(code))?.[1] ?? 'The connection was lost'
  return { kind: 'unanswered', stage, code: 'connection_failed', message: `${cause} (${code}).` }
}

/** What a driver's error calls itself: its code, or else its name. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return 'Error'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

/** No payload, and no record, is larger than this as JSON. */
export const RECORD_BYTES_MAX = 1_000_000

/** The JSON text of a payload; what is wrong with it where it cannot be written. */
export function serialize(payload: Json): string | Impossible {
  let text: string
  try {
    text = JSON.stringify(payload)
  } catch {
    return invalidPayload('The payload is nested too deeply, or is too large, to be JSON.')
  }
  return Buffer.byteLength(text) <= RECORD_BYTES_MAX
    ? text
    : invalidPayload(`The payload is larger than ${RECORD_BYTES_MAX} bytes.`)
}
