import type { FastifyInstance, FastifyReply } from 'fastify'
import Type, { type Static } from 'typebox'
import { CALLBACK_NAMES, isCallbackLane, isCallbackName } from '../../core/callback.ts'
import { MAPPING_LIMITS } from '../../core/mapping.ts'
import { UnknownSystems } from '../../intake/unknown-systems.ts'
import { NO_BODY, refuseBody } from '../body.ts'
import { cursorOf, positionIn } from '../cursor.ts'
import { answer, BODY_PROBLEMS, CHANGE_PROBLEMS, refusals, STORE_PROBLEMS } from '../documented.ts'
import { NextCursorSchema, pageLimit, pagingParameters, sendInvalidCursor } from '../paging.ts'
import { NoParameters } from '../parameters.ts'
import type { HttpPorts } from '../ports.ts'
import { sendBadInput, sendProblem } from '../problem.ts'
import { type SystemDescription, type SystemView, systemView } from '../system.ts'
import { changeIn, SystemChangeSchema } from '../system-change.ts'

const Params = Type.Object({ name: Type.String({ description: 'As the systems file has it.' }) })
const Query = Type.Object(pagingParameters, { additionalProperties: false })
const View = Type.Unsafe<SystemView>({ $ref: 'System#' })
const SystemListSchema = Type.Object({ systems: Type.Array(View), next_cursor: NextCursorSchema })

/** A change is small. */
const BODY_BYTES_MAX = 65_536

const tags = ['Systems']

const listSchema = {
  summary: 'List systems',
  description:
    'By name: those of the systems file; without one, those that have open mappings, or of which something is known. So are lanes of callbacks, `callback:` and where they go, in any case.',
  operationId: 'listSystems',
  tags,
  querystring: Query,
  response: {
    200: answer('A page of systems.', SystemListSchema),
    ...refusals(...STORE_PROBLEMS, 'validation-failed', 'invalid-cursor'),
  },
}

const getSchema = {
  summary: 'See how a system fares',
  description: 'Its limits, its gate, what waits for it, and what went wrong last.',
  operationId: 'getSystem',
  tags,
  params: Params,
  querystring: NoParameters,
  response: {
    200: answer('The system.', View),
    ...refusals(...STORE_PROBLEMS, 'not-found'),
  },
}

const patchSchema = {
  summary: 'Change the limits of a system, or pause it',
  description:
    'Kept through restarts, and in force on every worker within a second. Null returns to the systems file.',
  operationId: 'updateSystem',
  tags,
  params: Params,
  querystring: NoParameters,
  consumes: ['application/json'],
  body: SystemChangeSchema,
  response: {
    200: answer('The system as it is now.', View),
    ...refusals(...CHANGE_PROBLEMS, ...BODY_PROBLEMS, 'not-found', 'invalid-state'),
  },
}

const resumeSchema = {
  summary: 'Try a system again now',
  description:
    'A held or tripped gate lets one mapping through at once, to see; a throttled one opens. Of a lane of callbacks, every URL that has answered `410` is called again.',
  operationId: 'resumeSystem',
  tags,
  params: Params,
  querystring: NoParameters,
  response: {
    200: answer('The system as it is now.', View),
    ...refusals(
      ...CHANGE_PROBLEMS,
      'validation-failed',
      'not-found',
      'invalid-state',
      'body-too-large',
      'unsupported-media-type',
    ),
  },
}

interface Named {
  readonly Params: { readonly name: string }
}

/** What a mapping cannot name is no system either. */
function isName(name: string): boolean {
  return name !== '' && name.length <= MAPPING_LIMITS.systemNameLengthMax && !name.includes('\0')
}

/** `GET /systems`, `GET` and `PATCH /systems/{name}`, `POST /systems/{name}/resume`. */
export function systemsRoutes(app: FastifyInstance, ports: HttpPorts): void {
  const { store, clock, emit, systems } = ports

  async function view(name: string, described: SystemDescription): Promise<SystemView> {
    return systemView(described, await store.system(name), clock.now())
  }

  function find(name: string): SystemDescription | null {
    return isName(name) || isCallbackLane(name) ? ports.describe(name) : null
  }

  function sendUnknown(reply: FastifyReply, name: string): FastifyReply {
    const detail = isCallbackName(name) ? NO_LANE : new UnknownSystems(systems).detailOf(name)
    return sendProblem(reply, 'not-found', detail)
  }

  app.get<{ Querystring: Static<typeof Query> }>(
    '/systems',
    { schema: listSchema },
    async ({ query }, reply) => {
      const scope = ['systems']
      const after = query.cursor === undefined ? '' : positionIn(query.cursor, scope)
      if (after === null) return sendInvalidCursor(reply)
      const limit = pageLimit(query.limit)
      const names = await namesAfter(ports, after, limit + 1)
      const page = names.slice(0, limit)
      const last = names.length > limit ? page.at(-1) : undefined
      const known = page.flatMap((name) => {
        const described = find(name)
        return described === null ? [] : [{ name, described }]
      })
      const stored = await store.systems(known.map(({ name }) => name))
      const now = clock.now()
      return reply.send({
        systems: stored.flatMap((one, place) => {
          const described = known[place]?.described
          return described === undefined ? [] : [systemView(described, one, now)]
        }),
        next_cursor: last === undefined ? null : cursorOf(scope, last),
      } satisfies Static<typeof SystemListSchema>)
    },
  )

  app.get<Named>('/systems/:name', { schema: getSchema }, async ({ params: { name } }, reply) => {
    const described = find(name)
    return described === null ? sendUnknown(reply, name) : reply.send(await view(name, described))
  })

  app.patch<Named & { Body: Buffer }>('/systems/:name', {
    schema: patchSchema,
    bodyLimit: BODY_BYTES_MAX,
    onRequest: (request, reply, done) => {
      if (!refuseBody(request, reply)) done()
    },
    handler: async ({ params: { name }, body }, reply) => {
      const described = find(name)
      if (described === null) return sendUnknown(reply, name)
      const read = changeIn(body)
      if (read.kind === 'refused') return sendBadInput(reply, read)
      const override = await store.override(name, read.change)
      if (override === null) return sendProblem(reply, 'invalid-state', TOO_MANY)
      emit({ event: 'system_changed', system: name, override })
      return reply.send(await view(name, described))
    },
  })

  app.post<Named & { Body?: Buffer }>('/systems/:name/resume', {
    schema: resumeSchema,
    bodyLimit: BODY_BYTES_MAX,
    handler: async (request, reply) => {
      const { name } = request.params
      const described = find(name)
      if (described === null) return sendUnknown(reply, name)
      if (request.body?.length) return sendBadInput(reply, NO_BODY)
      const enabled = isCallbackLane(name) ? await store.enableCallbacks(name) : 0
      const gate = await store.resume(name, clock.now())
      if (gate === null && enabled === 0) return sendProblem(reply, 'invalid-state', NOT_CLOSED)
      emit({ event: 'system_resumed', system: name })
      return reply.send(await view(name, described))
    },
  })
}

const TOO_MANY =
  'As many systems are changed as may be at a time. Return one to the systems file first: PATCH it with {"concurrency": null, "rate": null, "paused": false}.'

const NOT_CLOSED =
  'Its gate is not closed. If it is paused, PATCH it with {"paused": false} to let it go on.'

const NO_LANE = 'The lane of callbacks to a host is called as callback:https://ops.example.com is.'

/** In demo mode every name is a system: those are listed that the store knows of. So are lanes of callbacks. */
async function namesAfter(
  { store, systems }: HttpPorts,
  after: string,
  limit: number,
): Promise<readonly string[]> {
  if (systems.mode === 'demo') return store.systemNames(after, limit)
  const { from } = CALLBACK_NAMES
  const callbacks = await store.systemNames(after > from ? after : from, limit)
  const names = [
    ...systems.names.filter((name) => name > after),
    ...callbacks.filter(isCallbackLane),
  ]
  return names.sort().slice(0, limit)
}
