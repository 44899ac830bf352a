/**
 * The store port: everything Sluice remembers. Each method is one transaction; a promise that
 * resolves means it is on disk. `now` comes from the caller, except where an adapter has a clock that
 * all its callers share. A store applies decisions and never makes one.
 *
 * Expected endings are values. A rejection is a `StoreError` (below) or a bug.
 */
import type { Endpoint } from '../core/callback.ts'
import type { Closed } from '../core/closed.ts'
import type { FailureGroup, FailureRun } from '../core/failures.ts'
import type { ClosedGate, Gate } from '../core/gate.ts'
import type { Override } from '../core/limits.ts'
import type { Priority } from '../core/mapping.ts'
import type { Queue } from '../core/rank.ts'
import type { SystemReport } from '../core/report.ts'
import type { Request, RequestState } from '../core/request.ts'
import type { EpochMs } from '../core/units.ts'
import type { BatchRange } from '../core/walk.ts'
import type { ClosedSome, ControlStore } from './control.ts'
import type { IntakeStore, Ordinals, RequestName } from './intake.ts'
import type { UpkeepStore } from './upkeep.ts'

export type { BatchRange } from '../core/walk.ts'
export type * from './control.ts'
export type * from './intake.ts'
export type * from './upkeep.ts'

export interface Store extends IntakeStore, ControlStore, DispatchStore, QueryStore, OperatorStore {
  readonly kind: 'sqlite' | 'postgres'
  /** Waits for what was asked, then lets go of everything. Nothing may be called afterwards. */
  close(): Promise<void>
}

/** The store cannot answer now; the same call may work later. Nothing, or all of it, was written. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

export interface DispatchStore extends UpkeepStore {
  /** Makes a worker known, or says so again; its leases live as long as it beats. */
  join(worker: Worker, deadline: EpochMs): Promise<void>
  /**
   * Proves a worker alive until `deadline`.
   *
   * @param seen the `epoch` of the last beat whose answer it has acted on; 0 at first
   */
  beat(worker: string, deadline: EpochMs, now: EpochMs, seen: number): Promise<Beat>
  /** Takes a worker off the list; what it still holds goes back to `ready`, unblamed. */
  leave(worker: string): Promise<void>
  /** What there is to do, and how. Cost grows with the number of lanes, not of batches. */
  work(now: EpochMs): Promise<Work>
  /**
   * Promotes what is due and leases ready batches to a worker: none of a closed request, and none to
   * an unknown worker.
   */
  claim(worker: string, wants: readonly Want[], now: EpochMs): Promise<Claim>
  /**
   * Returns to `ready`, unblamed, what is leased to a worker but not in `held`: for after a claim
   * whose answer was lost.
   */
  keep(worker: string, held: readonly number[]): Promise<void>
  /**
   * Writes verdicts and what becomes of their batches, and finishes requests that are done. A batch
   * that is let go of open is ended there and then, if its request was closed. What is settled stays so: a
   * settlement that says less than is stored comes too late.
   *
   * Whatever finishes a request, here or anywhere else, also queues its callback: a request of the same
   * id, whose tenant and lane are what `core/callback.ts` makes of the tenant and the URL. Its mapping's
   * data is the request.
   */
  settle(settlements: readonly Settlement[], now: EpochMs): Promise<Settled>
  /**
   * Closes requests whose time is over, and ends open batches of closed ones that nobody has in hand:
   * as many as a short transaction can hold.
   */
  closeSome(now: EpochMs): Promise<ClosedSome>
  /**
   * Sets or, with null, opens a system's gate for every worker. One that is throttled for longer stays:
   * a system may ask each call for another wait, and the longest is the one that suits it.
   */
  gate(system: string, gate: Gate): Promise<void>
  /**
   * Asks for the right to probe a closed gate with one call. It is given to one worker at a time,
   * and again a minute later if nothing came of it.
   */
  probe(system: string, now: EpochMs): Promise<boolean>
  /** Replaces what a live worker has told of these systems. It is forgotten with the worker. */
  report(worker: string, reports: readonly NamedReport[]): Promise<void>
  /**
   * Ranks the requests that are whole and whose time has come, as if they came now, and makes a bounded
   * number of their batches ready. Says when there is more to release: at once where that is not after
   * `now`; null where nothing is known.
   */
  release(now: EpochMs): Promise<EpochMs | null>
  /** Remembers that the receiver at this URL is gone; forgotten like an old request. */
  disableCallback(endpoint: Endpoint, now: EpochMs): Promise<void>
  /** Whether it is remembered to be gone. */
  isCallbackDisabled(endpoint: Endpoint): Promise<boolean>
  /** Calls back when there may be work. A hint: it can come late, twice or never. Returns the undo. */
  onWork(listener: (hint: WorkHint) => void): () => void
}

export interface Worker {
  readonly id: string
  readonly host: string
}

export interface Beat {
  /** False: it was given up; what it held is no longer its. It must let go of everything and join anew. */
  readonly alive: boolean
  /** How many workers are alive, and which of them, from 0, this one is. */
  readonly workers: number
  readonly position: number
  /** Rises with every worker that joins. */
  readonly epoch: number
  /** Every other live worker has acted on this one's joining: there is room for it in every limit. */
  readonly welcome: boolean
}

export interface Work {
  readonly lanes: readonly LaneWork[]
  /** The systems that must not be called as the systems file alone would have it. */
  readonly systems: readonly SystemControl[]
  /** That of the last worker that joined and is not gone: as in `Beat`, but dead ones count. */
  readonly epoch: number
  /**
   * The closed requests that are not finished: nothing more of them may start. The last thousand that were
   * closed: those before them were told of.
   */
  readonly closing: readonly RequestName[]
  /** There is something for `closeSome`. */
  readonly toClose: boolean
  /** When there is something to `release`; null where nothing is known. */
  readonly release: EpochMs | null
}

/** How a system may be called, beyond what the systems file says. */
export interface SystemControl {
  readonly system: string
  readonly gate: Gate
  readonly override: Override
}

export interface NamedReport {
  readonly system: string
  readonly report: SystemReport
}

export interface LaneWork {
  readonly lane: string
  /** The lowest rank that is ready; null where nothing is. */
  readonly rank: number | null
  /** When the next waiting batch is due; null where none waits. */
  readonly due: EpochMs | null
}

export interface WorkHint {
  /** Null where it concerns them all: a worker waits for room, a request for its release or its end. */
  readonly lane: string | null
  /** The lowest rank of what was added; null where how its system may be called has changed. */
  readonly rank: number | null
}

export interface Want {
  readonly lane: string
  /** Claim until this many mappings are there; the last batch may take it over. */
  readonly mappings: number
  /** Only batches of lower rank; null for any. */
  readonly below: number | null
  /** How many batches of this lane were claimed before: decides which picks go to the oldest. */
  readonly turn: number
}

export interface Claim {
  readonly batches: readonly ClaimedBatch[]
  /** The wanted lanes whose gate is closed. Nothing, or one batch to probe with, came from them. */
  readonly closed: readonly { readonly lane: string; readonly gate: ClosedGate }[]
  /** When the next waiting batch of a wanted lane is due, where its gate is open and it has one. */
  readonly due: readonly { readonly lane: string; readonly at: EpochMs }[]
}

export interface ClaimedBatch {
  readonly id: number
  /** Rises at every claim of the batch: the fencing token. */
  readonly token: number
  readonly request: string
  readonly tenant: string
  readonly lane: string
  readonly rank: number
  /** How often a worker died with it. */
  readonly rescues: number
  readonly ordinals: Ordinals
  readonly mappings: string
  /** The request's: a JSON object of strings. */
  readonly metadata: string
  /** A JSON array of `Standing | null`; null where nothing is known yet. */
  readonly verdicts: string | null
  /** Its lane's gate lets one mapping through, to see. */
  readonly probe: boolean
  /** Its request has a callback. */
  readonly callback: boolean
}

export interface Settlement {
  readonly batch: number
  readonly token: number
  /**
   * The whole of what is known now, and so are the counts: writing it twice is writing it once.
   * Null leaves what is stored.
   */
  readonly verdicts: string | null
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  /**
   * Those of `failed` since the batch was claimed, in order. Counted are those by which `failed` is
   * more than what is stored.
   */
  readonly failures: readonly FailureRun[]
  /** As it was claimed: only a settlement whose request has one need look for it. */
  readonly callback: boolean
  readonly next: NextState
}

/** `leased` is a checkpoint, `ready` a release, `waiting` a retry or a snooze. */
export type NextState =
  | { readonly state: 'leased' | 'ready' | 'done' }
  | { readonly state: 'waiting'; readonly runAt: EpochMs }

export interface Settled {
  /** Batches whose settlement came too late: nothing was written for them, and their holder must let go. */
  readonly refused: readonly number[]
  /** The requests this finished. */
  readonly finished: readonly Request[]
}

export interface QueryStore {
  /** Null where the tenant has no such request. */
  request(tenant: string, id: string): Promise<Request | null>
  /** What a key stands for within the tenant; null where it can still be used. */
  keyed(tenant: string, key: string): Promise<Keyed | null>
  /** Newest first. */
  requests(tenant: string, filter: RequestFilter): Promise<readonly Request[]>
  /** Batches in order of their first ordinal, some at a time; none of another tenant's. */
  batches(tenant: string, request: string, range: BatchRange): Promise<SomeBatches>
  /** The first batch of each request, and so all of a callback, by request; those that are not there are not. */
  firstBatches(tenant: string, ids: readonly string[]): Promise<ReadonlyMap<string, StoredBatch>>
  /**
   * Why mappings of a request failed, the most frequent first; at every commit their counts add up to
   * its `failed`. None of another tenant's.
   */
  failures(tenant: string, request: string): Promise<readonly FailureGroup[]>
  totals(): Promise<Totals>
  /** The systems that open requests read from or write to, and that must not be called: by request. */
  waiting(tenant: string, ids: readonly string[]): Promise<ReadonlyMap<string, readonly Waiting[]>>
  /** The names, in order, of systems with open mappings, or of which something is known. */
  systemNames(after: string, limit: number): Promise<readonly string[]>
  system(name: string): Promise<StoredSystem>
  /** The same of many, in their order. */
  systems(names: readonly string[]): Promise<readonly StoredSystem[]>
  /** What a new request would meet at a system. Cost is bounded, however much is open there. */
  load(system: string, prospect: Prospect): Promise<SystemLoad>
}

/**
 * How many systems may be changed at a time: every worker reads them every second, and where there is no
 * systems file any name is one.
 */
export const OVERRIDES_MAX = 1000

/** What an operator changes while everything runs. Every worker acts on it within a second. */
export interface OperatorStore {
  /**
   * Changes what is named, and gives what is then in force; null returns to the systems file. Gives null, and
   * changes nothing, where this would be one system too many.
   */
  override(system: string, change: Partial<Override>): Promise<Override | null>
  /** Lets a closed gate be probed, or pass, now. Gives the gate; null where it was open. */
  resume(system: string, now: EpochMs): Promise<Gate>
  /** Forgets which receivers of a lane are gone, whoever's they are; gives how many there were. */
  enableCallbacks(lane: string): Promise<number>
}

export interface Waiting extends SystemControl {
  /** How many open mappings of the request it holds up; null where some are read from it, and not all. */
  readonly mappings: number | null
}

/** The request that a key was used for, which may be deleted, and the fingerprint that it came with. */
export interface Keyed {
  readonly request: string
  readonly fingerprint: string
  /** It is still being received: the key is in use, and nobody can see the request yet. */
  readonly isReceiving: boolean
}

/** What a new request would bring to one lane. */
export interface Prospect {
  readonly tenant: string
  readonly priority: Priority
  readonly mappings: number
}

/** How a system may be called, what is open for it, and what is told of it. */
export interface SystemLoad extends SystemControl {
  readonly queue: Queue
  readonly reports: readonly SystemReport[]
}

/** One system as the store knows it. */
export interface StoredSystem extends SystemControl {
  /** Mappings for it that are not final: all … */
  readonly open: number
  /** … those in the hands of workers … */
  readonly leased: number
  /**
   * … and those that wait for a time to come: their request's, of no more than 1,000 requests, or that
   * of another attempt, of no more than 10,000 batches.
   */
  readonly waiting: number
  /** When the request of the oldest mapping that nobody has in hand was made; null for none. */
  readonly oldest: EpochMs | null
  readonly reports: readonly SystemReport[]
}

export interface RequestFilter {
  readonly state: RequestState | null
  readonly priority: Priority | null
  /** By the time in their ids. */
  readonly createdAfter: EpochMs | null
  /** Only requests older than this one, by id. */
  readonly before: string | null
  readonly limit: number
}

/** After the batch with which their texts come to so many characters, no more are given at once. */
export const BATCHES_LENGTH_MAX = 1_000_000

export interface SomeBatches {
  readonly batches: readonly StoredBatch[]
  /** The `from` with which to go on; the range's `to` where nothing in it is left. */
  readonly next: number
}

export interface StoredBatch {
  readonly lane: string
  readonly ordinals: Ordinals
  readonly mappings: string
  readonly verdicts: string | null
  /** Where it was ended with its request: what its verdicts leave open is so. Null everywhere else. */
  readonly closed: Closed | null
}

/** Callbacks do not count. */
export interface Totals {
  readonly activeRequests: number
  /** Mappings accepted and not yet final. */
  readonly openMappings: number
}
