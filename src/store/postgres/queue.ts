import { type Queue, rankStep } from '../../core/rank.ts'
import { BATCHES_COUNTED_MAX } from '../rows.ts'
import type { Prospect } from '../store.ts'
import type { Database } from './database.ts'
import { FIND_FLOWS } from './intake-statements.ts'
import type { Flow } from './places.ts'

const below = (state: string) => `
  SELECT count(*) AS batches,
    coalesce(sum(count - completed - failed - cancelled), 0)::bigint AS mappings, max(rank) AS last
  FROM (SELECT * FROM batches WHERE lane = $1 AND state = '${state}' AND rank < $2
        ORDER BY rank LIMIT ${BATCHES_COUNTED_MAX}) b`

const COUNT = `
  WITH ready AS (${below('ready')}), leased AS (${below('leased')})
  SELECT ready.batches, ready.last, ready.mappings + leased.mappings AS before,
    (SELECT coalesce(sum(mappings), 0)::bigint FROM flows WHERE lane = $1) AS open
  FROM ready CROSS JOIN leased`

interface CountRow extends Pick<Queue, 'before' | 'open'> {
  readonly batches: number
  /** The rank of the last one that was counted. */
  readonly last: number | null
}

/** Tells where a new request would stand in a lane. */
export async function queueIn(
  database: Database,
  lane: string,
  { tenant, priority, mappings }: Prospect,
): Promise<Queue> {
  const [flow] = await database.query<Flow>(FIND_FLOWS, [[lane], [tenant], [priority]])
  const { start, requests } = flow ?? { start: 0, requests: 0 }
  const end = start + rankStep(mappings, requests, priority)
  const [row] = await database.query<CountRow>(COUNT, [lane, end])
  if (row === undefined) throw new Error('counts are one row')
  const { before, open, batches, last } = row
  const counted = batches === BATCHES_COUNTED_MAX ? (last ?? end) : end
  return { start, end, before, counted, open }
}
