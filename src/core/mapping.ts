import type { Json, JsonObject } from './units.ts'

/** One element of a request: "move this from `source`, through `transformation`, to `target`". */
export interface Mapping {
  /** The caller's own name for it, unique in its request, compared byte by byte. */
  readonly id: string
  readonly source: string
  readonly target: string
  readonly transformation?: JsonObject
  /** The record itself; when it is there, the source is not asked. */
  readonly data?: Json
}

/** From the most to the least urgent. */
export const PRIORITIES = ['HIGH', 'MEDIUM', 'LOW'] as const
export type Priority = (typeof PRIORITIES)[number]

/** How long names may be, in characters; the schemas, the documentation and the checks all read it here. */
export const MAPPING_LIMITS = { idLengthMax: 256, systemNameLengthMax: 128 } as const
