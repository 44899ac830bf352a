import type { QueryStore } from '../../store/store.ts'
import { columnsOf } from './columns.ts'
import { csv, intakeCsv } from './csv.ts'
import { type Form, ndjson } from './form.ts'
import { type Wanted, walkResults } from './walk.ts'

/** How many ordinals are read from the store at a time. */
const STRIDE = 1000

/** Pieces are at least so long, the last one excepted: each has its price on the way. */
const PIECE_LENGTH = 65_536

/** Results to be written as one text. It survives the way to another thread. */
export interface DownloadOrder extends Wanted {
  readonly form: 'ndjson' | 'csv'
  /** Nothing of the request will ever change. */
  readonly isFinal: boolean
  /** How many at most; null for all. */
  readonly limit: number | null
}

/** The request was deleted while its results were being read: what was found is not all there was. */
export class RequestDeleted extends Error {
  override readonly name = 'RequestDeleted'

  constructor() {
    super('the request was deleted meanwhile')
  }
}

/**
 * Writes results as text in UTF-8, a piece at a time, as they are when it comes to them.
 *
 * @throws RequestDeleted
 */
export async function* download(
  store: Pick<QueryStore, 'request' | 'batches'>,
  order: DownloadOrder,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const encoder = new TextEncoder()
  const form = await formOf(store, order)
  let left = order.limit ?? Number.POSITIVE_INFINITY
  let text = form.head
  for await (const { results } of walkResults(store, order, STRIDE)) {
    const taken = results.slice(0, left)
    left -= taken.length
    if (taken.length > 0) text += form.lines(taken)
    if (left === 0) break
    if (text.length < PIECE_LENGTH) continue
    yield encoder.encode(text)
    text = ''
  }
  const { tenant, request } = order
  const isThere = (await store.request(tenant, request.id)) !== null
  if (!isThere) throw new RequestDeleted()
  if (text.length > 0) yield encoder.encode(text)
}

async function formOf(
  store: Pick<QueryStore, 'batches'>,
  { form, isFinal, ...wanted }: DownloadOrder,
): Promise<Form> {
  if (form === 'ndjson') return ndjson(wanted.state)
  if (wanted.state !== 'failed') return csv
  // Any mapping may fail before it is come to, and must fit in as well.
  const mappings = isFinal ? wanted : { ...wanted, state: null }
  return intakeCsv(await columnsOf(walkResults(store, mappings, STRIDE)))
}
