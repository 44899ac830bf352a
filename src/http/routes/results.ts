import type { FastifyInstance } from 'fastify'
import { processed } from '../../core/request.ts'
import { cursorOf, positionIn } from '../cursor.ts'
import { negotiate } from '../negotiation.ts'
import { pageLimit, sendInvalidCursor } from '../paging.ts'
import type { HttpPorts } from '../ports.ts'
import { sendNoRequest } from '../problem.ts'
import { resultsPage } from '../results/page.ts'
import { type ResultsQuery, resultsSchema } from '../results/schema.ts'
import { downloadSender } from '../results/send.ts'
import { formOfType, RESULT_TYPES } from '../results/types.ts'
import { findRequest } from './status.ts'

interface Route {
  readonly Params: { readonly id: string }
  readonly Querystring: ResultsQuery
}

/** `GET /status/{id}/results`. */
export function resultsRoutes(app: FastifyInstance, ports: HttpPorts): void {
  const { store, tenant } = ports
  const sendDownload = downloadSender(ports)
  const options = { schema: resultsSchema, config: { offers: RESULT_TYPES } }

  app.get<Route>('/status/:id/results', options, async ({ params, query, headers }, reply) => {
    const request = await findRequest(ports, params.id)
    if (request === null) return sendNoRequest(reply)
    const { status: state = null, limit, cursor } = query
    const scope = ['results', request.id, state]
    const from = cursor === undefined ? 0 : ordinalIn(cursor, scope)
    if (from === null) return sendInvalidCursor(reply)

    const { id, total } = request
    const wanted = { tenant, request: { id, total }, from, state }
    reply.header('vary', 'accept')
    const type = negotiate(headers.accept, RESULT_TYPES)
    const form = formOfType(type)
    if (type !== null && form !== null) {
      const isFinal = request.finishedAt !== null
      return sendDownload(reply, { ...wanted, form, isFinal, limit: limit ?? null }, type)
    }
    const { items, next } = await resultsPage(store, wanted, pageLimit(limit))
    // Of one that was deleted meanwhile it may be the end, and not all there was.
    const isThere = next !== null || (await store.request(tenant, id)) !== null
    if (!isThere) return sendNoRequest(reply)
    const head = JSON.stringify({
      request_id: id,
      status: request.state,
      total_mappings: total,
      processed_mappings: processed(request),
      failed_mappings: request.failed,
    })
    const nextCursor = JSON.stringify(next === null ? null : cursorOf(scope, String(next)))
    return reply
      .header('content-type', 'application/json; charset=utf-8')
      .send(`${head.slice(0, -1)},"results":[${items.join()}],"next_cursor":${nextCursor}}`)
  })
}

function ordinalIn(cursor: string, scope: readonly (string | null)[]): number | null {
  const position = positionIn(cursor, scope)
  return position !== null && /^\d{1,15}$/.test(position) ? Number(position) : null
}
