import { groupedCode } from '../core/failures.ts'
import type { Mapping } from '../core/mapping.ts'
import type { Request } from '../core/request.ts'
import type { Result } from '../core/results.ts'
import { type Stretch, walk } from '../core/walk.ts'
import { othersFirst } from '../lib/others-first.ts'
import type { QueryStore } from '../store/store.ts'
import { INVALID_MAPPING } from './rejects.ts'

/** Which mappings are tried again; null for all. */
export interface RetryFilter {
  /** Only those that failed with this code. */
  readonly code: string | null
  readonly target: string | null
}

/** How many ordinals are read from the store at a time. */
const STRIDE = 500

/** A chunk ends where it holds so many mappings, or their batches so many characters. */
const CHUNK_MAPPINGS = 2000
const CHUNK_CHARACTERS = 4_000_000

/** Some more mappings, in order; none, perhaps, in the last. */
export interface Chunk {
  readonly mappings: readonly Mapping[]
  readonly isLast: boolean
}

/**
 * Reads the mappings of a finished request that failed or were cancelled, in order, chunk by chunk: in
 * memory is never more than one, and others may go first before each read.
 */
export class RetriedMappings {
  /** How many there are, at most. */
  readonly max: number
  readonly #filter: RetryFilter
  readonly #stretches: AsyncGenerator<Stretch>
  /** How many characters of batches have been read for the chunk that is being made. */
  #characters = 0

  constructor(
    store: QueryStore,
    { tenant, id, total, failed, cancelled }: Request,
    filter: RetryFilter,
  ) {
    const takesCancelled = cancelled > 0 && filter.code === null
    this.max = failed + (takesCancelled ? cancelled : 0)
    this.#filter = filter
    this.#stretches = walk(
      async (range) => {
        await othersFirst()
        const some = await store.batches(tenant, id, range)
        for (const { mappings } of some.batches) this.#characters += mappings.length
        return some
      },
      { total, from: 0, state: takesCancelled ? null : 'failed' },
      STRIDE,
    )
  }

  /** Not to be asked again after the last one. */
  async next(): Promise<Chunk> {
    const mappings: Mapping[] = []
    this.#characters = 0
    while (mappings.length < CHUNK_MAPPINGS && this.#characters < CHUNK_CHARACTERS) {
      const { value, done } = await this.#stretches.next()
      if (done) return { mappings, isLast: true }
      for (const result of value.results) {
        if (this.#isWanted(result)) mappings.push(mappingOf(result))
      }
    }
    return { mappings, isLast: false }
  }

  #isWanted({ state, error, target }: Result): boolean {
    if (this.#filter.target !== null && this.#filter.target !== target) return false
    if (state === 'cancelled') return this.#filter.code === null
    if (state !== 'failed' || error === null) return false
    // What was never a mapping is none at another try.
    if (error.code === INVALID_MAPPING) return false
    return this.#filter.code === null || groupedCode(error) === this.#filter.code
  }
}

/** The mapping as it came. */
function mappingOf({ id, source, target, transformation, data }: Result): Mapping {
  return {
    ...{ id, source, target },
    ...(transformation !== undefined && { transformation }),
    ...(data !== undefined && { data }),
  }
}
