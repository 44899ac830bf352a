import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { ProblemSchema } from './problem.ts'
import { RehearsalSchema } from './rehearsal-schema.ts'
import { FailedMappingSchema, ResultSchema } from './results/schema.ts'
import { StatusSchema } from './status.ts'
import { SystemSchema } from './system.ts'
import { WEBHOOKS } from './webhooks.ts'

/** Gathers the description of every route that is added afterwards. */
export function describeRoutes(app: FastifyInstance, version: string): void {
  app.addSchema(ProblemSchema)
  app.addSchema(RehearsalSchema)
  app.addSchema(StatusSchema)
  app.addSchema(ResultSchema)
  app.addSchema(FailedMappingSchema)
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
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject
      allowNoBody(document.openapiObject.paths ?? {})
      return document.openapiObject
    },
    refResolver: { buildLocalReference: ({ $id }, _base, _fragment, index) => nameOf($id, index) },
  })
}

/** Operations whose body may be left out. No route can say so of itself. */
const OPTIONAL_BODIES = new Set(['retryRequest'])

interface Path {
  readonly post?: { readonly operationId?: string; readonly requestBody?: object }
}

function allowNoBody(paths: Readonly<Record<string, Path | undefined>>): void {
  for (const { post } of Object.values(paths).filter((path) => path !== undefined)) {
    const mayLackBody = OPTIONAL_BODIES.has(post?.operationId ?? '')
    if (mayLackBody && post?.requestBody !== undefined) {
      Object.assign(post.requestBody, { required: false })
    }
  }
}

function nameOf(id: unknown, index: number): string {
  return typeof id === 'string' ? id : `Schema${index}`
}
