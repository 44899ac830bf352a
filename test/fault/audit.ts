import { expect } from 'vitest'
import type { RequestStatus, Sluice } from '../../src/client/index.ts'
import type { Posted } from './load.ts'

/**
 * Waits until a request is finished, and checks that nothing of it was lost or counted twice: each
 * of its mappings has one result, in order, and the counters are what a recount gives.
 */
export async function auditFinished(
  client: Sluice,
  { request, ids }: Posted,
): Promise<RequestStatus> {
  if (request === null) throw new Error('only what was acknowledged can be audited')
  const status = await client.wait(request)
  const found: string[] = []
  const recount = { pending: 0, completed: 0, failed: 0, cancelled: 0 }
  for await (const result of client.results(request)) {
    found.push(result.id)
    recount[result.status] += 1
  }
  expect(found).toEqual(ids)
  expect({
    total: status.total_mappings,
    processed: status.processed_mappings,
    completed: status.completed_mappings,
    failed: status.failed_mappings,
    cancelled: status.cancelled_mappings,
    pending: 0,
  }).toEqual({ total: ids.length, processed: ids.length, ...recount })
  return status
}
