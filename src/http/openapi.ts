import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { ProblemSchema } from './problem.ts'
import { RehearsalSchema } from './rehearsal-schema.ts'
import { StatusSchema } from './status.ts'
import { SystemSchema } from './system.ts'
import { WEBHOOKS } from './webhooks.ts'

/** Gathers the description of every route that is added afterwards. */
export function describeRoutes(app: FastifyInstance, version: string): void {
  app.addSchema(ProblemSchema)
  app.addSchema(RehearsalSchema)
  app.addSchema(StatusSchema)
  app.addSchema(SystemSchema)
  app.register(swagger, {
    convertConstToEnum: false,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sluice',
        version,
        description:
          'Hand in mappings; Sluice carries every one of them out through external systems: durably, by priority, and no faster than each system allows.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/' }],
      webhooks: WEBHOOKS,
      tags: [
        { name: 'Requests', description: 'Handing in mappings and following them.' },
        { name: 'Systems', description: 'What is called: limits, gates, and how it fares.' },
        { name: 'Service', description: 'How the service is.' },
      ],
    },
    refResolver: { buildLocalReference: ({ $id }, _base, _fragment, index) => nameOf($id, index) },
  })
}

function nameOf(id: unknown, index: number): string {
  return typeof id === 'string' ? id : `Schema${index}`
}
