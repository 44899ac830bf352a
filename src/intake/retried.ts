import { setImmediate } from 'node:timers/promises'
import { standingOf } from '../core/closed.ts'
import { groupedCode } from '../core/failures.ts'
import type { Mapping } from '../core/mapping.ts'
import { mappingAt, unpack } from '../core/packed.ts'
import type { Request } from '../core/request.ts'
import type { MappingState, Standing } from '../core/verdict.ts'
import type { BatchRange, QueryStore, StoredBatch } from '../store/store.ts'

/** Which mappings are tried again; null for all. */
export interface RetryFilter {
  /** Only those that failed with this code. */
  readonly code: string | null
  readonly target: string | null
}

/** Such a mapping was never one: trying it again cannot help. */
const INVALID = 'invalid_mapping'

/** How many ordinals are read from the store at a time. */
const WINDOW = 500

/** A chunk ends where it holds so many mappings, or their batches so many characters. */
const CHUNK_MAPPINGS = 2000
const CHUNK_CHARACTERS = 4_000_000

interface Found {
  readonly ordinal: number
  readonly mapping: Mapping
}

/** Some more mappings, in order; none, perhaps, in the last. */
export interface Chunk {
  readonly mappings: readonly Mapping[]
  readonly isLast: boolean
}

/**
 * Reads the mappings of a finished request that failed or were cancelled, in order, chunk by chunk: in
 * memory is never more than one, and others may go first after each batch that was read.
 */
export class RetriedMappings {
  readonly #store: QueryStore
  readonly #request: Request
  readonly #filter: RetryFilter
  #from = 0

  constructor(store: QueryStore, request: Request, filter: RetryFilter) {
    this.#store = store
    this.#request = request
    this.#filter = filter
  }

  /** How many there are, at most. */
  get max(): number {
    return statesOf(this.#request, this.#filter).reduce(
      (sum, state) => sum + this.#request[state],
      0,
    )
  }

  /** Not to be asked again after the last one. */
  async next(): Promise<Chunk> {
    const { total } = this.#request
    const mappings: Mapping[] = []
    let characters = 0
    while (this.#from < total) {
      const range = { from: this.#from, to: Math.min(this.#from + WINDOW, total) }
      const window = await this.#read(range)
      this.#from = range.to
      mappings.push(...window.mappings)
      characters += window.characters
      if (mappings.length >= CHUNK_MAPPINGS || characters >= CHUNK_CHARACTERS) break
    }
    return { mappings, isLast: this.#from >= total }
  }

  async #read(range: Omit<BatchRange, 'state'>) {
    const { tenant, id } = this.#request
    const found: Found[] = []
    let characters = 0
    for (const state of statesOf(this.#request, this.#filter)) {
      for (const batch of await this.#store.batches(tenant, id, { ...range, state })) {
        await setImmediate()
        characters += batch.mappings.length
        found.push(...foundIn(batch, { ...range, state }, this.#filter))
      }
    }
    found.sort((a, b) => a.ordinal - b.ordinal)
    return { mappings: found.map(({ mapping }) => mapping), characters }
  }
}

function statesOf({ failed, cancelled }: Request, { code }: RetryFilter) {
  const states: ('failed' | 'cancelled')[] = []
  if (failed > 0) states.push('failed')
  if (cancelled > 0 && code === null) states.push('cancelled')
  return states
}

function foundIn(batch: StoredBatch, range: BatchRange, { code, target }: RetryFilter): Found[] {
  if (target !== null && batch.lane !== target) return []
  const { from, to, state } = range
  const { first, list } = batch.ordinals
  const packed = unpack(batch.mappings)
  const standings: readonly (Standing | null)[] = JSON.parse(batch.verdicts ?? '[]')
  return packed.ids.flatMap((_, position) => {
    const ordinal = list?.[position] ?? first + position
    if (ordinal < from || ordinal >= to) return []
    const standing = standingOf(standings[position] ?? null, batch.closed)
    if (!isWanted(standing, state, code)) return []
    const mapping = mappingAt(packed, position, batch.lane)
    return mapping === null ? [] : [{ ordinal, mapping }]
  })
}

function isWanted(standing: Standing, state: MappingState | null, code: string | null): boolean {
  if (standing[0] !== state) return false
  if (standing[0] !== 'failed') return true
  const [, , , , error] = standing
  return error.code !== INVALID && (code === null || groupedCode(error) === code)
}
