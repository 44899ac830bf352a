import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { refuse } from '../../intake/problem.ts'
import { cursorOf, positionIn } from '../cursor.ts'
import { refusals, STORE_PROBLEMS } from '../documented.ts'
import { EVENT_STREAM, eventText, openEventStream } from '../event-stream.ts'
import type { Following } from '../follow.ts'
import { sendHead } from '../head.ts'
import { NoParameters } from '../parameters.ts'
import type { HttpPorts } from '../ports.ts'
import { sendBadInput, sendNoRequest, sendProblem } from '../problem.ts'
import type { Snapshot } from '../watch.ts'
import { RequestParams } from './status.ts'

/** How long a client that was cut off leaves it before it comes again. */
const RETRY = 'retry: 2000\n'

/** The last words of an instance that is about to stop. */
const STOPPING = `: this instance is about to stop\n${RETRY}\n`

const schema = {
  summary: 'Follow a request as it goes on',
  description:
    'Server-sent events. First where the request stands, whole, then again as it changes, four times a second at most: `status`. When it is finished, `done`, and the end. A comment every 15 s keeps the line open. Whoever reads too slowly is cut off. A client that comes again with `Last-Event-ID` is told nothing older than it has seen, and after `done` gets a `204`, upon which an `EventSource` stays away.',
  operationId: 'followRequest',
  tags: ['Requests'],
  params: RequestParams,
  querystring: NoParameters,
  headers: Type.Object({
    'last-event-id': Type.Optional(
      Type.String({ description: 'The `id` of the last event that was seen of this request.' }),
    ),
  }),
  response: {
    200: {
      description: 'The events. The data of each is the status, as `GET /status/{id}` has it.',
      headers: {},
      content: {
        [EVENT_STREAM]: {
          schema: Type.String(),
          examples: {
            events: {
              value: `${RETRY}event: status\nid: WyJldmVudHMi\ndata: {"request_id":"01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11","status":"completed","progress":100}\n\nevent: done\nid: WyJldmVudHMj\ndata: {"request_id":"01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11","status":"completed","progress":100}\n\n`,
            },
          },
        },
      },
    },
    204: { type: 'null', description: 'All of it was seen.' },
    ...refusals(...STORE_PROBLEMS, 'invalid-cursor', 'not-found', 'overloaded'),
  },
}

/** `GET /status/{id}/events`. */
export function eventsRoutes(app: FastifyInstance, ports: HttpPorts, following: Following): void {
  const { clock, limits } = ports
  /** All listeners of a request are sent the same text. */
  const texts = new WeakMap<Snapshot, string>()
  let open = 0

  function textOf(id: string, snapshot: Snapshot): string {
    const known = texts.get(snapshot)
    if (known !== undefined) return known
    const place = (position: number | string) => cursorOf(scopeOf(id), String(position))
    let text = eventText('status', place(countOf(snapshot)), snapshot.text)
    if (snapshot.isFinal) text += eventText('done', place(END), snapshot.text)
    texts.set(snapshot, text)
    return text
  }

  app.get<{ Params: { id: string } }>(
    '/status/:id/events',
    { schema, config: { offers: [EVENT_STREAM] } },
    async (request, reply) => {
      const { id } = request.params
      const seen = seenIn(request.headers['last-event-id'], id)
      if (seen === null) return sendBadInput(reply, INVALID_EVENT_ID)
      const first = await following.look(id)
      if (first === null) return sendNoRequest(reply)
      if (seen === END) return reply.code(204).send()
      if (open >= limits.maxStreams) return sendProblem(reply, 'overloaded', tooMany(limits))
      if (request.method === 'HEAD') return sendHead(reply.type(EVENT_STREAM))

      // It may have gone while the store was asked, and then nothing would tell of it any more.
      if (reply.raw.destroyed) return reply.hijack()

      open += 1
      let leave = () => {}
      const stream = openEventStream(reply, clock, () => {
        open -= 1
        leave()
      })
      const listener = {
        told(snapshot: Snapshot) {
          const text = textOf(id, snapshot)
          if (snapshot.isFinal) stream.end(text)
          else if (countOf(snapshot) >= seen) stream.send(text)
        },
        ended: () => stream.end(STOPPING),
      }
      stream.send(RETRY)
      listener.told(first)
      if (!first.isFinal) leave = following.follow(id, first, listener)
      return reply
    },
  )
}

/** The place of the last event of all. */
const END = 'end'

function scopeOf(id: string): readonly string[] {
  return ['events', id]
}

/** How far it was; never goes back, whichever instance tells it. */
function countOf({ status }: Snapshot): number {
  return status.processed_mappings
}

/** What a client that was here before has seen, as a count, or END; null where it makes it up. */
function seenIn(header: string | string[] | undefined, id: string): number | typeof END | null {
  if (header === undefined || header === '') return 0
  const position = typeof header === 'string' ? positionIn(header, scopeOf(id)) : null
  if (position === END) return END
  return position !== null && /^\d{1,15}$/.test(position) ? Number(position) : null
}

const INVALID_EVENT_ID = refuse([
  {
    pointer: '#/header/last-event-id',
    code: 'invalid_cursor',
    detail: 'Use the id of an event of this request, or leave it out.',
  },
])

function tooMany({ maxStreams }: HttpPorts['limits']): string {
  return `At most ${maxStreams} clients may follow requests at once; ask again later, or look at /status/{id} from time to time.`
}
