/**
 * A kind of system: how Sluice speaks to everything that is spoken to in one way. One kind is one
 * file in `kinds/`; it exports one `Kind`.
 */
import type { TSchema } from 'typebox'
import type { Mapping } from '../core/mapping.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Quota } from '../core/quota.ts'
import type { DurationMs, Json, JsonObject, Random } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'

/** `config` is what one entry of the systems file may hold, beyond what every system has. */
export interface Kind<Config = never> {
  readonly name: string
  readonly config: TSchema
  /**
   * Makes a connection to one system. Called once for each system, with a config that `config`
   * accepted; it must not touch the network yet.
   */
  connect(system: SystemContext<Config>): Connection
  /** Left out where its calls are not shown. */
  preview?(system: ShownSystem<Config>): Preview
}

export interface SystemContext<Config> {
  readonly name: string
  readonly config: Config
  /** The texts in it that came from the environment or from files: nobody may be shown them. */
  readonly secrets: readonly string[]
  /** No call may take longer, from its first byte to the last of its answer. */
  readonly timeout: DurationMs
  readonly concurrency: number
  readonly clock: Clock
  readonly random: Random
}

/** A system as it may be shown: in its config whatever came from the environment or a file is masked. */
export interface ShownSystem<Config> {
  readonly name: string
  readonly config: Config
}

/**
 * Shows the calls to one system as they would be made. It makes none, and has nothing to make them with:
 * what is secret never comes near it, and what a config may hold that had better be, it masks.
 */
export interface Preview {
  /** How long a call takes, where that is known before one is made. */
  readonly latency: DurationMs | null
  /** Null where this system has nothing to read. */
  readonly read: ((call: Call) => Shown) | null
  /**
   * What one call would hold that hands all of these over; one answer for each, in the same order.
   * Those that share the call are given the same one.
   */
  write(deliveries: readonly Delivery[]): readonly Shown[]
}

/** A call as it would be made, or why it could not be, or why it is not shown. */
export type Shown =
  | { readonly kind: 'call'; readonly call: JsonObject }
  | Impossible
  | { readonly kind: 'hidden'; readonly because: string }

/** What can never be done for a mapping. */
export type Impossible = Extract<Outcome, { kind: 'impossible' }>

/** A live system. Neither call ever rejects: every ending is an answer. */
export interface Connection {
  /** Fetches a mapping's record; null where this system has nothing to read. */
  readonly read: ((call: Call) => Promise<ReadAnswer>) | null
  /** Hands over a payload. */
  write(call: Call, payload: Json): Promise<WriteAnswer>
  /** Hands over many at once; null where this system takes them one by one. */
  readonly bulk: Bulk | null
  /** Ends what is idle. Calls in flight are ended by their own signal first. */
  close(): Promise<void>
}

export interface Bulk {
  /** How many payloads one call may hold. */
  readonly max: number
  /** One answer for each delivery, in the same order. */
  writeMany(deliveries: readonly Delivery[], signal: AbortSignal): Promise<readonly WriteAnswer[]>
}

/** One mapping's part of a call that hands over many. Its own signal is the call's. */
export interface Delivery {
  readonly call: Call
  readonly payload: Json
}

export interface Call {
  readonly mapping: Mapping
  readonly request: string
  /** The same for every attempt at one mapping, and for no other: `<request>:<ordinal>`. */
  readonly idempotencyKey: string
  /** The call's place in a trace: `traceparent` of W3C Trace Context. */
  readonly traceparent: string
  /** Aborted when the answer is no longer wanted; the call then ends at once, as `interrupted`. */
  readonly signal: AbortSignal
}

/** Any ending but a success. */
export type Refusal = Exclude<Outcome, { kind: 'delivered' }>

export type ReadAnswer =
  | { readonly kind: 'record'; readonly record: Json; readonly learned?: Quota }
  | Refusal
export type WriteAnswer = Extract<Outcome, { kind: 'delivered' }> | Refusal
