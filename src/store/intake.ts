/** How requests come into the store: at once, or in pieces. A part of the port. */
import type { Priority } from '../core/mapping.ts'
import type { Request, Terms } from '../core/request.ts'
import type { EpochMs } from '../core/units.ts'

export interface IntakeStore {
  /**
   * All or nothing. A key seen before within the tenant inserts nothing and gives the first one. Where
   * it has a time (`terms.notBefore`), its batches wait for `release`, even if it is over by the caller's
   * clock: that of the store counts.
   */
  insert(request: NewRequest): Promise<Inserted>
  /**
   * Begins a request that comes in pieces. Nobody sees anything of it before it is complete; it is given
   * up, and cleared away, when no piece of it has come by `until`.
   */
  open(request: OpenRequest, until: EpochMs, now: EpochMs): Promise<Opened>
  /**
   * Adds a piece to a request that is being received, and gives it until `until`; a piece may be empty,
   * and may be sent again when its answer was lost. False: the request was given up.
   */
  stage(request: RequestName, piece: Piece, until: EpochMs, now: EpochMs): Promise<boolean>
  /**
   * The commit point of a request that came in pieces: from here on it is there, whole, and waits for
   * `release`. May be said again when its answer was lost. False: the request was given up.
   */
  complete(request: RequestName, whole: Whole): Promise<boolean>
  /** What a request holds in these ordinals, whether it is still being received or not: whole batches. */
  received(request: RequestName, from: number, to: number): Promise<readonly StagedTexts[]>
  /** Gives up a request that is being received: its key is free at once, and its pieces are cleared away. */
  abandon(request: RequestName): Promise<void>
  /** Commits a write as large as a small request, of nothing that is read: is there room for one? */
  touch(): Promise<void>
}

/** What is known of a request before its mappings are. */
export interface RequestOutline {
  /** A UUIDv7 of `createdAt`: the order of ids is that of time. */
  readonly id: string
  readonly tenant: string
  readonly priority: Priority
  readonly metadata: Readonly<Record<string, string>>
  readonly terms: Terms
  readonly createdAt: EpochMs
}

export interface NewRequest extends RequestOutline {
  readonly total: number
  /** Of how many mappings the record is to be read from each system; those that bring it along do not count. */
  readonly sources: Readonly<Record<string, number>>
  /** At least one; together they hold each ordinal from 0 to total − 1 exactly once. */
  readonly batches: readonly NewBatch[]
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null
}

export interface OpenRequest extends RequestOutline {
  /** The idempotency key. What it stands for, its fingerprint, is known only at the end. */
  readonly key: string | null
}

export type RequestName = Pick<RequestOutline, 'tenant' | 'id'>

/** Some more of the batches of a request. */
export interface Piece {
  /** How many mappings were staged before. */
  readonly staged: number
  readonly batches: readonly StagedBatch[]
  /** What is not taken of it; left out where there is nothing. */
  readonly rejected?: readonly RejectedBatch[]
}

/** All pieces taken together. */
export interface Whole {
  /**
   * As many as were staged, those not taken among them; at least one is taken. The batches hold each
   * ordinal from 0 to total − 1 exactly once.
   */
  readonly total: number
  /** As in `NewRequest`. */
  readonly sources: Readonly<Record<string, number>>
  /** How many mappings are taken for each lane. */
  readonly lanes: Readonly<Record<string, number>>
  /** Of the body; null where the request has no key. */
  readonly fingerprint: string | null
}

export interface NewBatch {
  /** The target system's name. */
  readonly lane: string
  readonly ordinals: Ordinals
  /** `PackedMappings`, in order of their ordinals. */
  readonly mappings: string
}

/** What a batch holds, and where. */
export type StagedTexts = Pick<NewBatch, 'ordinals' | 'mappings'>

export interface StagedBatch extends NewBatch {
  /** How many mappings of the request for the same lane stand in batches before this one. */
  readonly before: number
}

/** Mappings that are not taken, because they are not good: they have failed when they are stored. */
export interface RejectedBatch extends NewBatch {
  /** A JSON array of `Standing`s, a failure for each. */
  readonly verdicts: string
  /** What all of them failed of, with the id of one, and what was said of it. */
  readonly code: string
  readonly sample: string
  readonly message: string
}

/**
 * The places of a batch's mappings in their request. `first` and `last` bound them; `list` names
 * them, rising, where other batches' ordinals lie between, and is null where none do.
 */
export interface Ordinals {
  readonly first: number
  readonly last: number
  readonly count: number
  readonly list: readonly number[] | null
}

/** What is known for certain of the request that a key was used for: it may be deleted already. */
export type EarlierRequest = Pick<Request, 'id' | 'total'>

export type Inserted =
  | { readonly kind: 'inserted' }
  /** The key was used for this same request before. */
  | { readonly kind: 'replayed'; readonly request: EarlierRequest }
  /** The key was used for another one. */
  | { readonly kind: 'conflict' }
  /** A request with this key is being received: what it stands for is not known yet. */
  | { readonly kind: 'receiving' }

export type Opened =
  | { readonly kind: 'opened' }
  /** The key was used before. Nothing was opened; the fingerprint tells for which body. */
  | { readonly kind: 'known'; readonly request: EarlierRequest; readonly fingerprint: string }
  /** Another request with this key is being received. */
  | { readonly kind: 'receiving' }
