import type { Terms } from '../core/request.ts'
import type { QueryStore } from '../store/store.ts'
import type { Fault } from './explain.ts'

/**
 * What is wrong with a request that is to try another one again which its tenant does not have; null for
 * nothing. Another tenant's is no other than one that never was.
 */
export async function faultOfEarlier(
  { retryOf }: Terms,
  tenant: string,
  store: Pick<QueryStore, 'request'>,
): Promise<Fault | null> {
  const isThere = retryOf === null || (await store.request(tenant, retryOf)) !== null
  return isThere ? null : UNKNOWN
}

const UNKNOWN: Fault = {
  code: 'unknown_request',
  path: ['retry_of'],
  detail: 'There is no request with this id. Give one that is listed, or leave it out.',
}
