import type { DatabaseSync } from 'node:sqlite'
import type { Request } from '../../core/request.ts'
import { rangesOf } from '../listing.ts'
import { type RequestRow, toRequest } from '../rows.ts'
import type { RequestFilter } from '../store.ts'
import { prepare } from './database.ts'

/** Lists requests. */
export function listOperations(database: DatabaseSync) {
  const list = prepare<RequestRow>(
    database,
    `SELECT * FROM requests WHERE tenant = ? AND id >= ? AND id < ? AND state <> 'receiving'
     ORDER BY id DESC LIMIT ?`,
  )
  const listIn = prepare<{ id: string }>(
    database,
    `SELECT id FROM requests WHERE tenant = ? AND state = ? AND priority = ? AND id >= ? AND id < ?
     ORDER BY id DESC LIMIT ?`,
  )
  const find = prepare<RequestRow>(database, 'SELECT * FROM requests WHERE tenant = ? AND id = ?')

  function requests(tenant: string, filter: RequestFilter): readonly Request[] {
    const { states, priorities, from, to } = rangesOf(filter)
    const { limit } = filter
    if (states === null) return list.all(tenant, from, to, limit).map(toRequest)
    const ids = states.flatMap((state) =>
      priorities.flatMap((priority) => listIn.all(tenant, state, priority, from, to, limit)),
    )
    const newest = ids.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit)
    return newest.flatMap(({ id }) => find.all(tenant, id).map(toRequest))
  }

  return { requests }
}
