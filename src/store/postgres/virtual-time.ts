import { PRIORITIES } from '../../core/mapping.ts'
import { rankStep } from '../../core/rank.ts'

/** The lane's virtual time, where its ranks begin, beside `flowOf`: as `Flow` in `places.ts` has it. */
export const VIRTUAL_TIME = 'coalesce(leased.start, ready.start, 0)'

/**
 * Joins what a new request meets: its flow `f`, and the most urgent batch of the lane that is in hand and
 * that is in the queue, each of which may be missing.
 *
 * @param row has its lane, tenant and priority
 */
export function flowOf(row: string): string {
  return `
    LEFT JOIN flows f
      ON f.lane = ${row}.lane AND f.tenant = ${row}.tenant AND f.priority = ${row}.priority
    LEFT JOIN LATERAL (
      SELECT b.start FROM batches b WHERE b.lane = ${row}.lane AND b.state = 'leased'
      ORDER BY b.rank LIMIT 1
    ) leased ON true
    LEFT JOIN LATERAL (
      SELECT b.start FROM batches b WHERE b.lane = ${row}.lane AND b.state = 'ready'
      ORDER BY b.rank, b.id LIMIT 1
    ) ready ON true`
}

/** As core's `rankStep` has it, of one mapping and for a request that is alone. */
export function stepOf(priority: string): string {
  const cases = PRIORITIES.map((each) => `WHEN '${each}' THEN ${rankStep(1, 0, each)}::float8`)
  return `CASE ${priority} ${cases.join(' ')} END`
}
