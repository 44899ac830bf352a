/** How requests that are there are ended early. A part of the port. */
import type { Request } from '../core/request.ts'
import type { EpochMs } from '../core/units.ts'

/** What a caller does to a request that is there. */
export interface ControlStore {
  /**
   * Nothing more of a request starts, and what is open of it and in nobody's hands ends as cancelled:
   * what one short transaction can hold at once, the rest by `closeSome`, and what is in hand when it
   * is let go of.
   */
  cancel(tenant: string, id: string, now: EpochMs): Promise<Cancelled>
}

export type Cancelled =
  /** By this call. */
  | { readonly kind: 'closed'; readonly request: Request }
  /** It was cancelled before, or its time is over and what was in hand is still to end. */
  | { readonly kind: 'unchanged'; readonly request: Request }
  /** It had come to its end without being cancelled. */
  | { readonly kind: 'finished' }
  /** The tenant has none of this name. */
  | { readonly kind: 'unknown' }

export interface ClosedSome {
  /** The requests whose time was over. */
  readonly expired: readonly Request[]
  /** The requests this finished. */
  readonly finished: readonly Request[]
  /** There may be more to do, at once. */
  readonly more: boolean
}
