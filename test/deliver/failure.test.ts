import { expect, test } from 'vitest'
import { AddressNotAllowed } from '../../src/deliver/connect/guard.ts'
import { failureOf } from '../../src/deliver/kinds/http/failure.ts'

test.each([
  ['UND_ERR_CONNECT_TIMEOUT', 'timeout', 'No connection could be made in time'],
  ['ENOTFOUND', 'connection_failed', 'The host name in the URL is unknown'],
  ['EAI_AGAIN', 'connection_failed', 'The host name in the URL could not be looked up'],
  ['EHOSTUNREACH', 'connection_failed', 'The host cannot be reached'],
  ['CERT_HAS_EXPIRED', 'connection_failed', 'The certificate of the host has expired'],
  [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'connection_failed',
    'The certificate of the host is not trusted; in the systems file, tls.ca can name who signed it',
  ],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'connection_failed',
    'The certificate of the host is for another name',
  ],
  [
    'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
    'invalid_response',
    'The answer is not as long as it says',
  ],
  ['E_NEW', 'connection_failed', 'The connection failed'],
])('%s is a failure of its own, told without the words of the error', (code, kind, message) => {
  const error = Object.assign(new Error('canary'), { code })
  expect(failureOf(error)).toEqual({
    kind: 'failure',
    code: kind,
    message: `${message} (${code}).`,
  })
})

test('an address that is not allowed is no failure of the system', () => {
  expect(failureOf(new AddressNotAllowed('Say so.'))).toEqual({
    kind: 'forbidden',
    message: 'Say so.',
  })
})

test('an error without a code is told by its name', () => {
  expect(failureOf(new TypeError('canary')).message).toBe('The connection failed (TypeError).')
})
