import type { QueryStore } from '../../store/store.ts'
import { resultView } from './view.ts'
import { type Wanted, walkResults } from './walk.ts'

/** How many ordinals are read from the store at a time. */
const STRIDE = 500
/** A page ends, short of its limit, where it has looked through so many ordinals … */
const SCANNED_MAX = 50_000
/** … or is so many characters long. */
const LENGTH_MAX = 16_000_000

export interface ResultsPage {
  /** Each a JSON object. */
  readonly items: readonly string[]
  /** The ordinal at which the next page begins; null at the end. */
  readonly next: number | null
}

/** A page of at most `limit` results as text. Never holds the event loop for long. */
export async function resultsPage(
  store: Pick<QueryStore, 'batches'>,
  wanted: Wanted,
  limit: number,
): Promise<ResultsPage> {
  const { request, from } = wanted
  const items: string[] = []
  let length = 0
  for await (const { results, next } of walkResults(store, wanted, STRIDE)) {
    for (const result of results) {
      const item = JSON.stringify(resultView(result))
      items.push(item)
      length += item.length
      if (items.length === limit || length > LENGTH_MAX) {
        return { items, next: before(request.total, result.ordinal + 1) }
      }
    }
    if (next >= from + SCANNED_MAX) return { items, next: before(request.total, next) }
  }
  return { items, next: null }
}

function before(total: number, ordinal: number): number | null {
  return ordinal < total ? ordinal : null
}
