import type { Mapping } from './mapping.ts'
import type { Json, JsonObject } from './units.ts'
import type { MappingError } from './verdict.ts'

/** What stands in the place of a secret. No encoding of a URL or a form changes it. */
export const MASK = '***'

/** How one mapping would be carried out, as far as that can be told without a call to any system. */
export interface MappingPreview {
  readonly id: string
  readonly source: string
  readonly target: string
  /** Whether its record came with it, is yet to be read, or does not exist; null: it was not looked at. */
  readonly record: (typeof RECORDS)[number] | null
  /** What would be written; null where that is not known, or would fail, or is too large to show. */
  readonly payload: Json
  /** JSON pointers into the payload, to what only the record can tell. */
  readonly unread: readonly string[]
  /** The call that would read its record; null where there is none, or none to show. */
  readonly read: JsonObject | null
  /** The call that would write its payload, perhaps along with others; null where it is not shown. */
  readonly write: SharedCall | null
  /** What it would fail with; null where nothing is known to go wrong. */
  readonly error: MappingError | null
  /** Why something is not shown. */
  readonly notes: readonly string[]
}

/** Where a record comes from. */
export const RECORDS = ['data', 'source', 'none'] as const

/** A call, and what it holds. */
export interface SharedCall {
  readonly call: JsonObject
  /** The ids of those mappings that were looked at and would go with it. */
  readonly mappings: readonly string[]
  /** How many it may hold. */
  readonly together: number
}

/** A mapping, and its place in its request. */
export interface Placed {
  readonly ordinal: number
  readonly mapping: Mapping
}

/** Tells how each of some mappings of a request would be carried out, without a call to any system. */
export type PreviewMappings = (
  mappings: readonly Placed[],
  metadata: Readonly<Record<string, string>>,
) => Promise<readonly MappingPreview[]>
