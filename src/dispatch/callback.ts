import {
  CALLBACK_RANGE,
  callbackReport,
  isCallbackName,
  tenantOfCallback,
} from '../core/callback.ts'
import { EXPIRED } from '../core/closed.ts'
import type { Request } from '../core/request.ts'
import type { Emit } from '../observe/events.ts'
import type { QueryStore } from '../store/store.ts'
import type { Lease } from './lease.ts'

/** Tells what became of a callback that ended in this worker's hands; of any other lease it tells nothing. */
export function tellLeased(lease: Lease, emit: Emit): void {
  const { request, tenant, lane: system } = lease.batch
  if (!isCallbackName(tenant)) return
  const standing = lease.standing(0)
  const callback = { request, tenant: tenantOfCallback(tenant), system }
  if (standing?.[0] === 'completed') {
    const [, attempts, , durationMs] = standing
    emit({ event: 'callback_delivered', ...callback, attempts, durationMs })
  } else if (standing?.[0] === 'failed') {
    const [, attempts, , durationMs, { code, message, httpStatus }] = standing
    const why = { code, message, httpStatus }
    emit({ event: 'callback_failed', ...callback, attempts, durationMs, ...why })
  }
}

/**
 * Tells of a callback that was closed because its time was over; nothing where the call that was under
 * way ended it, for then its lease has told.
 */
export async function tellExpired(
  { tenant, id: request }: Request,
  store: Pick<QueryStore, 'batches'>,
  emit: Emit,
): Promise<void> {
  const [batch] = await store.batches(tenant, request, CALLBACK_RANGE)
  if (batch === undefined) return
  const { attempts, error } = callbackReport(batch)
  if (error?.code !== EXPIRED.code) return
  const { code, message, httpStatus } = error
  const callback = { request, tenant: tenantOfCallback(tenant), system: batch.lane }
  const why = { code, message, httpStatus }
  emit({ event: 'callback_failed', ...callback, attempts, durationMs: 0, ...why })
}
