/** What travels about systems. */

/** Why a system is not called; `open` where it is. */
export type GateState = 'open' | 'throttled' | 'tripped' | 'held' | 'paused'

export interface SystemGate {
  readonly state: GateState
  readonly until: string | null
  readonly reason: string | null
}

/** How a system is called, and how it fares. */
export interface System {
  readonly name: string
  readonly kind: string
  readonly gate: SystemGate
  readonly limits: {
    /** What the systems file says. */
    readonly configured: {
      readonly concurrency: number
      /** Where it is found out by trial: from here up to `concurrency`. */
      readonly adaptive_from: number | null
      readonly rate: readonly string[]
      readonly burst: number | null
      readonly cost: { readonly read: number; readonly write: number }
    }
    readonly in_force: { readonly concurrency: number; readonly rate: readonly string[] }
    /** What the system says of itself in its answers, and by its refusals. */
    readonly learned: {
      readonly limit: number | null
      readonly window_seconds: number | null
      readonly remaining: number | null
      readonly resets_at: string | null
      readonly at: string | null
      /** Calls a second, found out by what it refused. */
      readonly rate: number | null
    } | null
  }
  /** What an operator has changed; null is as in the systems file. */
  readonly override: {
    readonly concurrency: number | null
    readonly rate: readonly string[] | null
    readonly paused: boolean
  }
  readonly ready_mappings: number
  readonly in_flight_mappings: number
  readonly waiting_mappings: number
  readonly mappings_per_minute: number
  readonly oldest_wait_seconds: number | null
  readonly last_error: {
    readonly code: string
    readonly message: string
    readonly http_status: number | null
    readonly at: string
  } | null
}

/** Systems by name; `next_cursor` asks for those after them, null at the end. */
export interface SystemList {
  readonly systems: readonly System[]
  readonly next_cursor: string | null
}
