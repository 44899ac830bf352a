/** Handing over: a request whole, or as a stream. */
import type { Query } from './address.ts'
import { idempotencyKeyOf } from './key.ts'
import type { StreamOptions, SubmitOptions } from './options.ts'
import { repeated } from './repeat.ts'
import type { Call, Transport } from './transport.ts'
import { type MappingSource, Upload } from './upload.ts'
import type { IngestRequest } from './wire.ts'

/** Whether Sluice is to keep what it is sent, or only to look at it. */
export type Purpose = 'take' | 'check'

/** Sends a request, and again where that may end better: its key sees to it that it is taken once. */
export async function submitWhole<Answer>(
  transport: Transport,
  purpose: Purpose,
  request: IngestRequest | string,
  { idempotencyKey, onInvalid, signal }: SubmitOptions,
): Promise<Answer> {
  const isKeyed = purpose === 'take' || idempotencyKey !== undefined
  const key = isKeyed ? idempotencyKeyOf(idempotencyKey) : null
  const call: Call = {
    method: 'POST',
    path: '/ingest',
    query: { on_invalid: onInvalid, ...purposeQuery(purpose) },
    headers: headersOf('application/json', key),
    body: typeof request === 'string' ? request : JSON.stringify(request),
    signal,
  }
  return repeated(() => transport.call(call), signal)
}

const TYPES = { ndjson: 'application/x-ndjson', csv: 'text/csv' } as const

/** Sends a stream, once: what has been read of it is gone. A Blob can be read again, and is. */
export async function submitStreaming<Answer>(
  transport: Transport,
  purpose: Purpose,
  source: MappingSource,
  options: StreamOptions,
): Promise<Answer> {
  const { idempotencyKey, format = 'ndjson', encoding, gzip = false, onProgress, signal } = options
  if (gzip && encoding !== undefined) {
    throw new TypeError('gzip compresses what is not compressed yet; leave it out beside encoding')
  }
  const isLasting = source instanceof Blob
  const isKeyed = (isLasting && purpose === 'take') || idempotencyKey !== undefined
  const key = isKeyed ? idempotencyKeyOf(idempotencyKey) : null
  const call: Call = {
    method: 'POST',
    path: '/ingest',
    query: { ...optionsQuery(options), ...purposeQuery(purpose) },
    headers: headersOf(TYPES[format], key, gzip ? 'gzip' : encoding),
    signal,
  }
  const send = async () => {
    const upload = new Upload(source, onProgress)
    try {
      const body: Call['body'] = (deadline) => upload.body(deadline, gzip)
      return await transport.call<Answer>({ ...call, body })
    } catch (error) {
      upload.throwOwn()
      throw error
    } finally {
      upload.close()
    }
  }
  return isLasting ? repeated(send, signal) : send()
}

function headersOf(type: string, key: string | null, encoding?: string): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': type }
  if (key !== null) headers['idempotency-key'] = key
  if (encoding !== undefined) headers['content-encoding'] = encoding
  return headers
}

function purposeQuery(purpose: Purpose): Query {
  return { validate_only: purpose === 'check' ? 'true' : undefined }
}

/** A stream has no room for its options, so they are in the address. */
function optionsQuery(options: StreamOptions): Query {
  const { priority, batchSize, callbackUrl, notBefore, expiresIn, retryOf } = options
  const { onInvalid, metadata } = options
  return {
    priority,
    batch_size: batchSize,
    callback_url: callbackUrl,
    not_before: notBefore,
    expires_in: expiresIn,
    retry_of: retryOf,
    on_invalid: onInvalid,
    metadata: metadata === undefined ? undefined : JSON.stringify(metadata),
  }
}
