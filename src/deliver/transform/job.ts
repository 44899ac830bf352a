/** What a transformation is given and what it gives; both sides of the process boundary know this. */
import type { Outcome } from '../../core/outcome.ts'
import type { Json, JsonObject } from '../../core/units.ts'

/** What expressions see: the fields of this object but the last, by their names. */
export interface Input {
  readonly id: string
  readonly source: string
  readonly target: string
  /** Left out where there is none. */
  readonly record?: Json
  /** There will be a record, and it has not been read: what asks for it stays as it was written. */
  readonly isUnread?: true
  readonly metadata: Readonly<Record<string, string>>
}

/** One transformation to compute. It travels as JSON text. */
export interface Job {
  readonly transformation: JsonObject
  readonly input: Input
}

/** What became of a transformation whose expressions could be run. */
export type Answer =
  | {
      readonly kind: 'payload'
      readonly payload: JsonObject
      /** JSON pointers to what stayed as it was written; left out where the record is known. */
      readonly unread?: readonly string[]
    }
  | { readonly kind: 'failed'; readonly message: string }

/** What the transformer process says: that it can begin, and then one answer for each job in turn. */
export type FromProcess = { readonly kind: 'ready' } | Answer

/** What became of a transformation. */
export type Transformed =
  | { readonly kind: 'payload'; readonly payload: Json; readonly unread?: readonly string[] }
  | Extract<Outcome, { kind: 'impossible' | 'interrupted' }>

/**
 * Computes a transformation that holds expressions. It never rejects.
 *
 * @param signal ends the wait for it, as `interrupted`
 */
export type Transform = (
  transformation: JsonObject,
  input: Input,
  signal: AbortSignal,
) => Promise<Transformed>
