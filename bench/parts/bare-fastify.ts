/** Checks the same bodies and gives the same answers as `POST /ingest`, and stores nothing. */
import { randomUUID } from 'node:crypto'
import fastify from 'fastify'
import { IngestSchema } from '../../src/intake/schema.ts'
import { ready } from './part.ts'

const ReceiptSchema = {
  type: 'object',
  properties: {
    request_id: { type: 'string' },
    status: { type: 'string' },
    message: { type: 'string' },
    total_mappings: { type: 'integer' },
  },
}

const app = fastify()
app.post<{ Body: { readonly mappings: readonly unknown[] } }>(
  '/ingest',
  { schema: { body: IngestSchema, response: { 202: ReceiptSchema } } },
  async (request, reply) => {
    const id = randomUUID()
    const path = `/status/${id}`
    return reply
      .code(202)
      .header('location', path)
      .send({
        request_id: id,
        status: 'pending',
        message: `Ingestion request created successfully. Follow it at ${path}`,
        total_mappings: request.body.mappings.length,
      })
  },
)
ready(await app.listen({ host: '127.0.0.1', port: 0 }))
