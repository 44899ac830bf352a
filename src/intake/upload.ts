import { grouped } from '../core/quantity.ts'
import { type Acceptance, accept } from './accept.ts'
import { decode, type Encoding, MalformedEncoding, ZSTD_FRAMES_MAX } from './decode.ts'
import type { OnInvalid } from './parse.ts'
import { type Planned, planWhole } from './plan.ts'
import { planStream } from './plan-stream.ts'
import { refuse } from './problem.ts'
import type { ReadOptions } from './query.ts'
import { receive, type StreamPorts } from './receive.ts'

/** What is known of a body before it comes. */
export interface UploadOrder {
  readonly tenant: string
  readonly encoding: Encoding
  readonly idempotencyKey: string | null
  readonly onInvalid: OnInvalid
  /** It is only planned: nothing of it is kept. */
  readonly isRehearsal: boolean
  readonly content:
    | { readonly format: 'json' }
    | (Pick<ReadOptions, 'options' | 'terms'> & { readonly format: 'ndjson' | 'csv' })
}

export interface UploadPorts extends StreamPorts {
  readonly limits: StreamPorts['limits'] & { readonly maxBody: number }
}

/** What becomes of a body; planned is none but what was only to be. */
export type UploadEnding = Acceptance | Planned

/**
 * Takes a request from a body of any form and size, or plans it. Where `body` throws, nothing is kept, and
 * this throws the same.
 */
export async function take(
  order: UploadOrder,
  body: AsyncIterable<Uint8Array>,
  ports: UploadPorts,
): Promise<UploadEnding> {
  const { encoding, content, isRehearsal, ...submission } = order
  const { maxBody, maxStream } = ports.limits
  const max = content.format === 'json' ? maxBody : maxStream
  try {
    const bytes = atMost(max, decode(atMost(max, body), encoding))
    if (content.format !== 'json') {
      const stream = { ...submission, ...content }
      return await (isRehearsal ? planStream : receive)(stream, bytes, ports)
    }
    const whole = { ...submission, body: await collect(bytes) }
    return await (isRehearsal ? planWhole : accept)(whole, ports)
  } catch (error) {
    if (error instanceof TooLarge) return { kind: 'too-large' }
    if (error instanceof MalformedEncoding) return refuse([BADLY_ENCODED])
    throw error
  }
}

class TooLarge extends Error {}

/** The same, until it is more than so many bytes: what is encoded, and what it is then. */
async function* atMost(
  max: number,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > max) throw new TooLarge()
    yield chunk
  }
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const BADLY_ENCODED = {
  pointer: '#',
  code: 'malformed_encoding',
  detail:
    'The body is not encoded as its Content-Encoding says, is cut off, ' +
    `or has more than ${grouped(ZSTD_FRAMES_MAX)} frames (zstd).`,
} as const
