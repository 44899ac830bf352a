import type { Request } from '../core/request.ts'
import { type Result, resultsOf } from '../core/results.ts'
import type { MappingState } from '../core/verdict.ts'
import { othersFirst } from '../lib/others-first.ts'
import type { QueryStore } from '../store/store.ts'
import { nullableTimeOf } from './time.ts'

/** How many ordinals are read from the store at a time. */
const WINDOW = 500
/** How many mappings are parsed before others may go first. */
const PARSED_MAX = 1000
/** A page ends, short of its limit, where it has looked through so many ordinals … */
const SCANNED_MAX = 50_000
/** … or is so many characters long. */
const LENGTH_MAX = 16_000_000

export interface PageWanted {
  readonly tenant: string
  readonly request: Request
  /** Ordinals from here. */
  readonly from: number
  /** How many results at most. */
  readonly limit: number
  /** Null for all. */
  readonly state: MappingState | null
}

export interface ResultsPage {
  /** Each a JSON object. */
  readonly items: readonly string[]
  /** The ordinal at which the next page begins; null at the end. */
  readonly next: number | null
}

/** A page of results as text, in submission order. Never holds the event loop for long. */
export async function resultsPage(store: QueryStore, wanted: PageWanted): Promise<ResultsPage> {
  const { request, limit } = wanted
  const end = Math.min(request.total, wanted.from + SCANNED_MAX)
  const items: string[] = []
  let length = 0
  for (let from = wanted.from; from < end; from += WINDOW) {
    for (const result of await resultsWithin(store, wanted, from, Math.min(from + WINDOW, end))) {
      const item = render(result)
      items.push(item)
      length += item.length
      if (items.length === limit || length > LENGTH_MAX) {
        return { items, next: before(request.total, result.ordinal + 1) }
      }
    }
  }
  return { items, next: before(request.total, end) }
}

function before(total: number, ordinal: number): number | null {
  return ordinal < total ? ordinal : null
}

async function resultsWithin(
  store: QueryStore,
  { tenant, request, state }: PageWanted,
  from: number,
  to: number,
): Promise<readonly Result[]> {
  await othersFirst()
  const range = { from, to, state }
  const results: Result[] = []
  let parsed = 0
  for (const batch of await store.batches(tenant, request.id, range)) {
    parsed += batch.ordinals.count
    if (parsed > PARSED_MAX) {
      await othersFirst()
      parsed = batch.ordinals.count
    }
    results.push(...resultsOf(batch, range))
  }
  return results.sort((a, b) => a.ordinal - b.ordinal)
}

function render(result: Result): string {
  const { id, source, target, state, attempts, error } = result
  return JSON.stringify({
    id,
    source,
    target,
    status: state,
    attempts,
    result: result.result,
    error: error && {
      code: error.code,
      message: error.message,
      stage: error.stage,
      http_status: error.httpStatus,
      attempts,
    },
    finished_at: nullableTimeOf(result.finishedAt),
    duration_ms: result.duration,
  })
}
