import { type Closed, standingOf } from './closed.ts'
import type { Mapping } from './mapping.ts'
import { mappingAt, unpack } from './packed.ts'
import type { DurationMs, EpochMs, Json } from './units.ts'
import type { MappingError, MappingState, Standing } from './verdict.ts'

/** A mapping as it came, and what its caller may know of it. */
export interface Result extends Mapping {
  readonly ordinal: number
  readonly state: MappingState
  readonly attempts: number
  /** What the target answered; null until it did. */
  readonly result: Json
  /** Why it failed or, where it is pending or cancelled, why its last attempt did. */
  readonly error: MappingError | null
  readonly finishedAt: EpochMs | null
  readonly duration: DurationMs | null
}

/** A batch as it is stored. */
export interface BatchTexts {
  readonly ordinals: { readonly first: number; readonly list: readonly number[] | null }
  /** The target of its mappings. */
  readonly lane: string
  /** Its `PackedMappings`. */
  readonly mappings: string
  /** A JSON array of `Standing | null`, one for each mapping; null where nothing is known yet. */
  readonly verdicts: string | null
  /** Why it was ended although mappings of it were open; null where none are, or where it is open. */
  readonly closed: Closed | null
}

/** Which results of a batch are wanted. */
export interface ResultFilter {
  /** Ordinals from here. */
  readonly from: number
  /** Null for all. */
  readonly state: MappingState | null
}

/** The results of one batch that a filter lets through, in order of their ordinals. */
export function resultsOf(batch: BatchTexts, { from, state }: ResultFilter): Result[] {
  const mappings = unpack(batch.mappings)
  const standings: readonly (Standing | null)[] = JSON.parse(batch.verdicts ?? '[]')
  const { closed } = batch
  const { first, list } = batch.ordinals
  return mappings.ids.flatMap((_, position) => {
    const ordinal = list?.[position] ?? first + position
    const standing = standingOf(standings[position] ?? null, closed)
    if (ordinal < from || (state !== null && standing[0] !== state)) return []
    const mapping = mappingAt(mappings, position, batch.lane)
    return mapping === null ? [] : [{ ordinal, ...mapping, ...progressOf(standing) }]
  })
}

function progressOf(standing: Standing): Omit<Result, 'ordinal' | keyof Mapping> {
  const [state, attempts] = standing
  const base = { state, attempts, result: null, error: null, finishedAt: null, duration: null }
  switch (standing[0]) {
    case 'completed': {
      const [, , finishedAt, duration, result] = standing
      return { ...base, finishedAt, duration, result }
    }
    case 'failed': {
      const [, , finishedAt, duration, error] = standing
      return { ...base, finishedAt, duration, error }
    }
    case 'cancelled': {
      const [, , finishedAt, error] = standing
      return { ...base, finishedAt, error }
    }
    case 'pending':
      return { ...base, error: standing[3] }
  }
}
