import { nextRunAt } from '../core/batch.ts'
import { addFailure, type FailureRun } from '../core/failures.ts'
import type { Mapping } from '../core/mapping.ts'
import { mappingAt, type PackedMappings, sourceAt, unpack } from '../core/packed.ts'
import { processed } from '../core/request.ts'
import type { DurationMs, EpochMs } from '../core/units.ts'
import type { MappingError, Standing, Verdict } from '../core/verdict.ts'
import type { Task } from '../deliver/deliver.ts'
import { mayHoldExpressions } from '../lib/expression.ts'
import type { ClaimedBatch, NextState, Settlement } from '../store/store.ts'

/** After so many deaths with it in hand, a batch is tried one mapping at a time. */
const RESCUES_BEFORE_ISOLATION = 3

/** A claimed batch in a worker's hands: which of its mappings to try, and where each stands. */
export class Lease {
  readonly batch: ClaimedBatch
  readonly since: EpochMs
  /**
   * Worker after worker has died with it: its mappings are tried one at a time, each attempt written
   * down before it is made, so that the one that kills spends its attempts and no other does.
   */
  readonly isolated: boolean
  /** The request's; null where none of its mappings holds an expression that could ask for it. */
  readonly metadata: Readonly<Record<string, string>> | null
  readonly #packed: PackedMappings
  readonly #standings: (Standing | null)[]
  readonly #counts = { completed: 0, failed: 0, cancelled: 0 }
  /** Since it was claimed. */
  readonly #failures: FailureRun[] = []
  readonly #closed = new AbortController()
  #unstarted = 0
  #cursor = 0
  #inFlight = 0
  #changed = false

  constructor(batch: ClaimedBatch, now: EpochMs) {
    this.batch = batch
    this.since = now
    this.#packed = unpack(batch.mappings)
    this.metadata = mayHoldExpressions(batch.mappings) ? JSON.parse(batch.metadata) : null
    this.isolated = batch.rescues >= RESCUES_BEFORE_ISOLATION
    if (batch.verdicts === null) {
      this.#standings = new Array(this.size).fill(null)
      this.#unstarted = this.size
      return
    }
    this.#standings = JSON.parse(batch.verdicts)
    for (const standing of this.#standings) {
      this.#count(standing, 1)
      if (isDue(standing, now)) this.#unstarted += 1
    }
  }

  /** How many mappings it has. */
  get size(): number {
    return this.#packed.ids.length
  }

  /** How many mappings could be started now. */
  get unstarted(): number {
    return this.#unstarted
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Nothing is left to start, and nothing under way. */
  get ended(): boolean {
    return this.#unstarted === 0 && this.#inFlight === 0
  }

  /** Something is known that has not been written. */
  get changed(): boolean {
    return this.#changed
  }

  /** The position of the next mapping to try, which is then under way; null where none is left. */
  start(): number | null {
    if (this.#unstarted === 0) return null
    let position = this.#cursor
    while (!isDue(this.#standings[position], this.since)) position += 1
    this.#cursor = position + 1
    this.#unstarted -= 1
    this.#inFlight += 1
    return position
  }

  /** Starts nothing more: what was not started stays as it was. */
  stop(): void {
    this.#unstarted = 0
  }

  /** The same for good, for its request is closed; of what was started, no further call begins. */
  close(): void {
    this.stop()
    this.#closed.abort()
  }

  mapping(position: number): Mapping {
    const mapping = mappingAt(this.#packed, position, this.batch.lane)
    if (mapping === null) throw new Error('a lease is asked only for mappings that it has')
    return mapping
  }

  /** The system that a mapping's record is to be read from; null where it brings it along. */
  source(position: number): string | null {
    return this.#packed.data?.[position] === undefined ? sourceAt(this.#packed, position) : null
  }

  /** What is to be delivered. */
  task(position: number): Task {
    const { request } = this.batch
    const { metadata } = this
    const mapping = this.mapping(position)
    const { signal: closed } = this.#closed
    return { request, ordinal: this.ordinal(position), mapping, metadata, closed }
  }

  ordinal(position: number): number {
    const { first, list } = this.batch.ordinals
    return list?.[position] ?? first + position
  }

  standing(position: number): Standing | null {
    return this.#standings[position] ?? null
  }

  attempts(position: number): number {
    return this.#standings[position]?.[1] ?? 0
  }

  /** It may be tried: it is open, and does not wait for its time. */
  isDue(position: number): boolean {
    return isDue(this.#standings[position], this.since)
  }

  /** Counts an attempt before it is made. */
  spend(position: number, now: EpochMs): void {
    const standing = this.#standings[position]
    const lastError = standing?.[0] === 'pending' ? standing[3] : null
    this.#set(position, ['pending', this.attempts(position) + 1, now, lastError])
  }

  /** @param attempts how many were spent, this one included if it counts */
  end(
    position: number,
    verdict: Verdict,
    attempts: number,
    duration: DurationMs,
    now: EpochMs,
  ): void {
    this.#inFlight -= 1
    this.#set(position, standing(verdict, attempts, duration, now))
  }

  /** Fails a mapping that is due without trying it. Only before anything of the lease has started. */
  condemn(position: number, error: MappingError, now: EpochMs): void {
    this.#unstarted -= 1
    this.#set(position, ['failed', this.attempts(position), now, 0, error])
  }

  /** What is to be written now, while the lease goes on. */
  checkpoint(): Settlement {
    return this.#settlement({ state: 'leased' })
  }

  /** What is to be written at the end of the lease. */
  settlement(now: EpochMs): Settlement {
    if (processed(this.#counts) === this.size) {
      return this.#settlement({ state: 'done' })
    }
    const due = this.#standings.filter((standing) => !isFinal(standing)).map(dueAt)
    const runAt = nextRunAt(due)
    return this.#settlement(runAt <= now ? { state: 'ready' } : { state: 'waiting', runAt })
  }

  #settlement(next: NextState): Settlement {
    const verdicts = this.#changed ? JSON.stringify(this.#standings) : null
    this.#changed = false
    const { id: batch, token, callback } = this.batch
    const failures = [...this.#failures]
    return { batch, token, verdicts, ...this.#counts, failures, callback, next }
  }

  #set(position: number, standing: Standing): void {
    this.#count(this.#standings[position], -1)
    this.#count(standing, 1)
    this.#standings[position] = standing
    this.#changed = true
    if (standing[0] === 'failed') {
      addFailure(this.#failures, this.#packed.ids[position] ?? '', standing[4])
    }
  }

  #count(standing: Standing | null | undefined, by: number): void {
    if (standing != null && standing[0] !== 'pending') this.#counts[standing[0]] += by
  }
}

function standing(
  verdict: Verdict,
  attempts: number,
  duration: DurationMs,
  now: EpochMs,
): Standing {
  switch (verdict.kind) {
    case 'completed':
      return ['completed', attempts, now, duration, verdict.result]
    case 'failed':
      return ['failed', attempts, now, duration, verdict.error]
    case 'retry':
    case 'snooze':
      return ['pending', attempts, verdict.runAt, verdict.error]
  }
}

function isFinal(standing: Standing | null | undefined): boolean {
  return standing != null && standing[0] !== 'pending'
}

function isDue(standing: Standing | null | undefined, now: EpochMs): boolean {
  return !isFinal(standing) && dueAt(standing) <= now
}

function dueAt(standing: Standing | null | undefined): EpochMs {
  return standing?.[0] === 'pending' ? standing[2] : 0
}
