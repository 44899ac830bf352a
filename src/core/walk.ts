import { ORDINAL_SPAN_MAX } from './batch.ts'
import { type BatchTexts, type Result, resultsOf } from './results.ts'
import type { MappingState } from './verdict.ts'

/** Which batches are wanted. Each is given whole. */
export interface BatchRange {
  /** Their first ordinal is from here … */
  readonly from: number
  /** … to before here. */
  readonly to: number
  /** Their last ordinal is this, or a later one. */
  readonly reaching: number
  /** Leaves out those in which no mapping stands so; null for all. */
  readonly state: MappingState | null
}

/** Gives batches of one request in order of their first ordinal, some at a time. */
export type ReadBatches = (range: BatchRange) => Promise<{
  readonly batches: readonly BatchTexts[]
  /** The `from` with which to go on; the range's `to` where nothing in it is left. */
  readonly next: number
}>

/** Which results of a request are wanted. */
export interface WantedResults {
  /** How many mappings the request has. */
  readonly total: number
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
 * batch is read once. What is held at a time is bounded, however large the request.
 *
 * @param stride how many ordinals to go on at a time
 */
export async function* walk(
  read: ReadBatches,
  { total, from, state }: WantedResults,
  stride: number,
): AsyncGenerator<Stretch> {
  /** Results that others, of batches that begin later, may still come before. */
  let held: Result[] = []
  let to = from + stride
  for (let at = Math.max(0, from - ORDINAL_SPAN_MAX); at < total; to = at + stride) {
    const { batches, next } = await read({
      from: at,
      to: Math.min(to, total),
      reaching: from,
      state,
    })
    for (const batch of batches) held.push(...resultsOf(batch, { from, state }))
    held.sort((a, b) => a.ordinal - b.ordinal)
    const ready = held.findIndex(({ ordinal }) => ordinal >= next)
    const results = ready < 0 ? held : held.slice(0, ready)
    held = ready < 0 ? [] : held.slice(ready)
    at = next
    yield { results, next: Math.max(from, next) }
  }
}
