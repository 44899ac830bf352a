/**
 * How it is checked that a request's counters agree with its batches. A large request is counted in
 * pieces, each at a moment of its own. That is as good as at once, as long as the counters say the same at
 * the first piece and at the last: they only ever go one way, so nothing was counted in between.
 */

/** How many ordinals a piece goes through: no more batches can begin in it. It bounds what a piece costs. */
export const AUDITED_ORDINALS = 10_000

/** What has become of the mappings of some batches, and how many of these batches are not done. */
export interface Counts {
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  readonly open: number
}

/** Where an audit goes on. Its holder may lose it: then it begins anew. */
export interface AuditPlace {
  /** The open request with the lowest number from here on is next. */
  readonly request: number
  /** Of this very request, the batches that begin from this ordinal on are still to be counted. */
  readonly from: number
  /** What those before it came to. */
  readonly counted: Counts
  /** What its counters said when the first of them was counted; null where none was. */
  readonly said: Counts | null
}

/** An open request as it was at one moment, and its piece at an audit's place. */
export interface AuditPiece {
  readonly request: number
  /** How many mappings it has. */
  readonly total: number
  /** What its counters say. */
  readonly said: Counts
  /** What the batches come to that begin in the piece. */
  readonly counted: Counts
  /** How many failures its groups hold. */
  readonly grouped: number
}

export interface AuditStep {
  /** Where to go on. */
  readonly place: AuditPlace
  /** What the request comes to, where it does not say so; else null. */
  readonly truth: Counts | null
}

const NOTHING: Counts = { completed: 0, failed: 0, cancelled: 0, open: 0 }

/** Where a round begins. */
export const AUDIT_START: AuditPlace = auditFrom(0)

/**
 * Puts a piece to those before it. A request that was counted on meanwhile is left to the next round;
 * one that has no open batch is to be finished, and so does not say the truth.
 */
export function auditStep(place: AuditPlace, piece: AuditPiece): AuditStep {
  const { request, total, said, grouped } = piece
  const after = auditFrom(request + 1)
  const isSame = place.request === request && place.said !== null
  if (isSame && !agree(place.said, said)) return { place: after, truth: null }
  const counted = isSame ? sum(place.counted, piece.counted) : piece.counted
  const from = (isSame ? place.from : 0) + AUDITED_ORDINALS
  if (from < total) return { place: { request, from, counted, said }, truth: null }
  const isTrue = agree(counted, said) && grouped === counted.failed && counted.open > 0
  return { place: after, truth: isTrue ? null : counted }
}

function auditFrom(request: number): AuditPlace {
  return { request, from: 0, counted: NOTHING, said: null }
}

function agree(a: Counts, b: Counts): boolean {
  return (
    a.completed === b.completed &&
    a.failed === b.failed &&
    a.cancelled === b.cancelled &&
    a.open === b.open
  )
}

function sum(a: Counts, b: Counts): Counts {
  return {
    completed: a.completed + b.completed,
    failed: a.failed + b.failed,
    cancelled: a.cancelled + b.cancelled,
    open: a.open + b.open,
  }
}
