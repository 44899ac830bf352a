import type { Request } from '../../core/request.ts'
import { rangesOf } from '../listing.ts'
import { type RequestRow, toRequest } from '../rows.ts'
import type { RequestFilter } from '../store.ts'
import type { Database } from './database.ts'

const REQUESTS = `
  SELECT * FROM requests WHERE tenant = $1 AND id >= $2 AND id < $3 AND state <> 'receiving'
  ORDER BY id DESC LIMIT $4`

/**
 * Of each range the newest, and of all of these the newest. Ranges are compared as rows, which only their
 * own index can do: where nearly all requests stand alike, the planner would look for the others among all
 * there are. Each is looked up by itself: joined to a large page the whole table would be read.
 */
export const REQUESTS_IN = `
  SELECT r.* FROM (
    SELECT i.id FROM unnest($5::text[]) AS s (state) CROSS JOIN unnest($6::text[]) AS p (priority)
      CROSS JOIN LATERAL (
        SELECT id FROM requests
        WHERE (tenant, state, priority, id) >= ($1, s.state, p.priority, $2)
          AND (tenant, state, priority, id) < ($1, s.state, p.priority, $3)
        ORDER BY tenant DESC, state DESC, priority DESC, id DESC LIMIT $4
      ) i
    ORDER BY i.id DESC LIMIT $4
  ) f CROSS JOIN LATERAL (SELECT * FROM requests WHERE tenant = $1 AND id = f.id LIMIT 1) r
  ORDER BY f.id DESC`

/** Lists requests. */
export function listOperations(database: Database) {
  async function requests(tenant: string, filter: RequestFilter): Promise<readonly Request[]> {
    const { states, priorities, from, to } = rangesOf(filter)
    const parameters = [tenant, from, to, filter.limit]
    const rows =
      states === null
        ? await database.query<RequestRow>(REQUESTS, parameters)
        : await database.query<RequestRow>(REQUESTS_IN, [...parameters, states, priorities])
    return rows.map(toRequest)
  }

  return { requests }
}
