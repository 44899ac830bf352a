import type { Outcome } from '../../../core/outcome.ts'
import { AddressNotAllowed } from '../../connect/guard.ts'
import { errorCode } from '../endings.ts'

/** A call that brought no answer that could be understood. */
export interface Failure {
  readonly kind: 'failure'
  readonly code: Extract<Outcome, { kind: 'unanswered' }>['code']
  readonly message: string
}

/** A call that was not made: its address is none that the systems file allows. */
export interface Forbidden {
  readonly kind: 'forbidden'
  readonly message: string
}

/** By the code or the name of the error; the first that fits tells what happened. */
const CAUSES: readonly (readonly [codes: RegExp, code: Failure['code'], message: string])[] = [
  [/CONNECT_TIMEOUT|ETIMEDOUT/, 'timeout', 'No connection could be made in time'],
  [
    /^HPE_|HTTPParser/,
    'invalid_response',
    'The answer is not HTTP; perhaps the URL needs https://',
  ],
  [/HEADERS_OVERFLOW/, 'invalid_response', 'The headers of the answer are too large'],
  [/CONTENT_LENGTH/, 'invalid_response', 'The answer is not as long as it says'],
  [/ECONNREFUSED/, 'connection_failed', 'The connection was refused'],
  [/ENOTFOUND/, 'connection_failed', 'The host name in the URL is unknown'],
  [/EAI_AGAIN/, 'connection_failed', 'The host name in the URL could not be looked up'],
  [/EHOSTUNREACH|ENETUNREACH/, 'connection_failed', 'The host cannot be reached'],
  [/CERT_HAS_EXPIRED/, 'connection_failed', 'The certificate of the host has expired'],
  [/ALTNAME/, 'connection_failed', 'The certificate of the host is for another name'],
  [
    /CERT|VERIFY/,
    'connection_failed',
    'The certificate of the host is not trusted; in the systems file, tls.ca can name who signed it',
  ],
  [/EPROTO|ERR_SSL|ERR_TLS/, 'connection_failed', 'TLS failed; perhaps the URL needs http://'],
  [
    /ECONNRESET|EPIPE|UND_ERR_SOCKET|HTTP2/,
    'connection_failed',
    'The connection was closed before the answer was complete',
  ],
]

/**
 * What an error of the connection means. Only its code, or else its name, is told: its text may
 * quote the answer.
 */
export function failureOf(error: Error): Failure | Forbidden {
  if (error instanceof AddressNotAllowed) return { kind: 'forbidden', message: error.message }
  const name = errorCode(error)
  const cause = CAUSES.find(([codes]) => codes.test(name))
  const [, code, message] = cause ?? ([null, 'connection_failed', 'The connection failed'] as const)
  return { kind: 'failure', code, message: `${message} (${name}).` }
}
