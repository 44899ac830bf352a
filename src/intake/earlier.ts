import type { Terms } from '../core/request.ts'
import type { QueryStore } from '../store/store.ts'
import type { Fault } from './explain.ts'

/** Who hands a request in, and by which key. */
interface Sender {
  readonly tenant: string
  /** Null where there is none. */
  readonly idempotencyKey: string | null
}

/**
 * What is wrong with a request that is to try another one again which its tenant does not have; null for
 * nothing. Another tenant's is no other than one that never was. A key that was used before goes first:
 * its request was good when it came, and the store tells whether this is the same.
 */
export async function faultOfEarlier(
  { retryOf }: Terms,
  { tenant, idempotencyKey: key }: Sender,
  store: Pick<QueryStore, 'request' | 'keyed'>,
): Promise<Fault | null> {
  if (retryOf === null || (await store.request(tenant, retryOf)) !== null) return null
  const isKnown = key !== null && (await store.keyed(tenant, key)) !== null
  return isKnown ? null : UNKNOWN
}

const UNKNOWN: Fault = {
  code: 'unknown_request',
  path: ['retry_of'],
  detail: 'There is no request with this id. Give one that is listed, or leave it out.',
}
