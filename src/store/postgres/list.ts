import type { Request } from '../../core/request.ts'
import { rangesOf } from '../listing.ts'
import { type RequestRow, toRequest } from '../rows.ts'
import type { RequestFilter } from '../store.ts'
import type { Database } from './database.ts'

const REQUESTS = `
  SELECT * FROM requests WHERE tenant = $1 AND id >= $2 AND id < $3 AND state <> 'receiving'
  ORDER BY id DESC LIMIT $4`

/** Of each range the newest, and of all of these the newest. */
export const REQUESTS_IN = `
  SELECT r.* FROM (
    SELECT i.id FROM unnest($5::text[]) AS s (state) CROSS JOIN unnest($6::text[]) AS p (priority)
      CROSS JOIN LATERAL (
        SELECT id FROM requests
        WHERE tenant = $1 AND state = s.state AND priority = p.priority AND id >= $2 AND id < $3
        ORDER BY id DESC LIMIT $4
      ) i
    ORDER BY i.id DESC LIMIT $4
  ) f JOIN requests r ON r.tenant = $1 AND r.id = f.id ORDER BY r.id DESC`

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
