import { isCallbackName, tenantOfCallback } from '../core/callback.ts'
import type { Emit } from '../observe/events.ts'
import type { Lease } from './lease.ts'

/** Tells what became of a callback, at its end; of any other lease it tells nothing. */
export function tellCallback(lease: Lease, emit: Emit): void {
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
