import type { FastifyReply } from 'fastify'
import Type from 'typebox'
import type { Planned } from '../../intake/plan.ts'
import { type Caller, rehearse } from '../../intake/rehearse.ts'
import type { HttpPorts } from '../ports.ts'
import { rehearsalView } from '../rehearsal.ts'

/** The query parameter that asks for a rehearsal in the place of the real thing. */
export const rehearsalParameters = {
  validate_only: Type.Optional(
    Type.Enum(['true', 'false'], {
      type: 'string',
      default: 'false',
      description:
        'Does everything but keep it, whatever the form and size of the body: nothing is stored, no Idempotency-Key is used up, no system is called. Answers 200 with what would happen.',
    }),
  ),
}

/** Answers a request that was planned with what would come of it; nothing of it is kept. */
export async function sendRehearsal(
  reply: FastifyReply,
  planned: Planned,
  caller: Caller & { readonly overloaded: string | null },
  ports: HttpPorts,
): Promise<FastifyReply> {
  const rehearsal = await rehearse(planned, caller, ports)
  const { overloaded } = caller
  const now = ports.clock.now()
  return reply.send(rehearsalView(rehearsal, { now, describe: ports.describe, overloaded }))
}
