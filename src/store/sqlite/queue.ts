import type { DatabaseSync } from 'node:sqlite'
import { type Queue, rankStep } from '../../core/rank.ts'
import { BATCHES_COUNTED_MAX } from '../rows.ts'
import type { Prospect } from '../store.ts'
import { prepare } from './database.ts'
import { virtualTimeIn } from './virtual-time.ts'

interface Counted {
  readonly batches: number
  readonly mappings: number | null
  /** The rank of the last one that was counted. */
  readonly last: number | null
}

/** Makes a function that tells where a new request would stand in a lane. */
export function queueIn(database: DatabaseSync): (lane: string, prospect: Prospect) => Queue {
  const virtualTime = virtualTimeIn(database)
  const findFlow = prepare<{ requests: number }>(
    database,
    'SELECT requests FROM flows WHERE lane = ? AND tenant = ? AND priority = ?',
  )
  const countOpen = prepare<{ open: number }>(
    database,
    'SELECT coalesce(sum(mappings), 0) AS open FROM flows WHERE lane = ?',
  )
  const countBelow = (state: string) =>
    prepare<Counted>(
      database,
      `SELECT count(*) AS batches, sum(count - completed - failed - cancelled) AS mappings,
         max(rank) AS last
       FROM (SELECT * FROM batches WHERE lane = ? AND state = '${state}' AND rank < ?
             ORDER BY rank LIMIT ${BATCHES_COUNTED_MAX})`,
    )
  const countReady = countBelow('ready')
  const countLeased = countBelow('leased')

  return (lane, { tenant, priority, mappings }) => {
    const others = findFlow.get(lane, tenant, priority)?.requests ?? 0
    const start = virtualTime(lane)
    const end = start + rankStep(mappings, others, priority)
    const ready = countReady.get(lane, end)
    const before = (ready?.mappings ?? 0) + (countLeased.get(lane, end)?.mappings ?? 0)
    const counted = ready?.batches === BATCHES_COUNTED_MAX ? (ready.last ?? end) : end
    return { start, end, before, counted, open: countOpen.get(lane)?.open ?? 0 }
  }
}
