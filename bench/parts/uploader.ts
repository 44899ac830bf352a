/** Sends a request of many lines, as fast as it is taken; what it sends was made before. */
import { Readable } from 'node:stream'
import { Pool } from 'undici'
import { mappings } from '../mappings.ts'
import { obey, ready } from './part.ts'

export interface UploadOrder {
  readonly origin: string
}

export interface Uploaded {
  readonly bytes: number
  readonly elapsedMs: number
}

const CHUNK_LINES = 400

const [count = '0'] = process.argv.slice(2)
const chunks = body(Number(count))

obey(async ({ origin }: UploadOrder): Promise<Uploaded> => {
  const pool = new Pool(origin, { connections: 1, headersTimeout: 0 })
  const startedAt = performance.now()
  const answer = await pool.request({
    ...{ method: 'POST', path: '/ingest', headers: { 'content-type': 'application/x-ndjson' } },
    body: Readable.from(chunks, { objectMode: false }),
  })
  const text = await answer.body.text()
  const elapsedMs = performance.now() - startedAt
  if (answer.statusCode !== 202) throw new Error(text)
  await pool.close()
  return { bytes: chunks.reduce((sum, { length }) => sum + length, 0), elapsedMs }
})
ready()

/** About 150 bytes a line. */
function body(lines: number): readonly Buffer[] {
  const made: Buffer[] = []
  for (let first = 0; first < lines; first += CHUNK_LINES) {
    const some = mappings(Math.min(CHUNK_LINES, lines - first), `map_${first}`)
    const texts = some.map((mapping) => {
      const transformation = { ...mapping.transformation, email: `${mapping.id}@example.com` }
      return `${JSON.stringify({ ...mapping, transformation })}\n`
    })
    made.push(Buffer.from(texts.join('')))
  }
  return made
}
