import {
  CALLBACK_LIFETIME_MS,
  CALLBACK_SOURCE,
  callbackLane,
  callbackTenant,
} from '../core/callback.ts'
import { pack } from '../core/packed.ts'
import { NO_TERMS, type Request } from '../core/request.ts'
import type { EpochMs } from '../core/units.ts'
import type { NewRequest } from './store.ts'

/**
 * What tells of the end of a request: a request of the same id, so that there can be no second one,
 * whose one mapping brings the finished request along. PostgreSQL writes the same within its statements.
 */
export function callbackOf(request: Request, url: string, now: EpochMs): NewRequest {
  const { id, tenant, priority, terms } = request
  const lane = callbackLane(url)
  const data = { ...request, metadata: { ...request.metadata }, terms: { ...terms }, pace: null }
  return {
    id,
    tenant: callbackTenant(tenant),
    priority,
    metadata: {},
    terms: { ...NO_TERMS, expiresAt: now + CALLBACK_LIFETIME_MS },
    createdAt: now,
    total: 1,
    sources: {},
    batches: [
      {
        lane,
        ordinals: { first: 0, last: 0, count: 1, list: null },
        mappings: pack([{ id, source: CALLBACK_SOURCE, target: lane, data }]),
      },
    ],
    idempotency: null,
  }
}
