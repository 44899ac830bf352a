import { ORDINAL_SPAN_MAX } from '../../core/batch.ts'
import type { Request } from '../../core/request.ts'
import { type Result, resultsOf } from '../../core/results.ts'
import type { MappingState } from '../../core/verdict.ts'
import { othersFirst } from '../../lib/others-first.ts'
import type { QueryStore } from '../../store/store.ts'

/** Which results of a request are wanted. */
export interface Wanted {
  readonly tenant: string
  readonly request: Pick<Request, 'id' | 'total'>
  /** Ordinals from here. */
  readonly from: number
  /** Null for all. */
  readonly state: MappingState | null
}

/** Some results that follow one another, or none where none of these ordinals is wanted. */
export interface Stretch {
  readonly results: readonly Result[]
  /** The ordinal at which the next stretch begins. */
  readonly next: number
}

/**
 * Walks through the results of a request in submission order, as they are when it comes to them. Every
 * batch is read once. What is held at a time is bounded, however large the request, and others in this
 * thread get their turn after each stretch.
 *
 * @param stride how many ordinals to go on at a time
 */
export async function* walk(
  store: Pick<QueryStore, 'batches'>,
  { tenant, request, from, state }: Wanted,
  stride: number,
): AsyncGenerator<Stretch> {
  const { id, total } = request
  /** Results that others, of batches that begin later, may still come before. */
  let held: Result[] = []
  let to = from + stride
  for (let at = Math.max(0, from - ORDINAL_SPAN_MAX); at < total; to = at + stride) {
    await othersFirst()
    const range = { from: at, to: Math.min(to, total), reaching: from, state }
    const { batches, next } = await store.batches(tenant, id, range)
    for (const batch of batches) held.push(...resultsOf(batch, { from, to: total, state }))
    held.sort((a, b) => a.ordinal - b.ordinal)
    const ready = held.findIndex(({ ordinal }) => ordinal >= next)
    const results = ready < 0 ? held : held.slice(0, ready)
    held = ready < 0 ? [] : held.slice(ready)
    at = next
    yield { results, next: Math.max(from, next) }
  }
}
