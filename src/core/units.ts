/** A moment: whole milliseconds since 1970-01-01 00:00 UTC. */
export type EpochMs = number

/** A length of time in milliseconds. */
export type DurationMs = number

/** Any value JSON can carry. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject

export interface JsonObject {
  readonly [key: string]: Json
}

/** A source of chance: returns a number in [0, 1), like `Math.random`. */
export type Random = () => number
