import { hash } from 'node:crypto'
import { batchSize } from '../core/batch.ts'
import type { Mapping } from '../core/mapping.ts'
import { NO_TERMS, type Request } from '../core/request.ts'
import type { DurationMs } from '../core/units.ts'
import type { EarlierRequest, IntakeStore, QueryStore, RequestOutline } from '../store/store.ts'
import type { IntakePorts } from './accept.ts'
import { Growing } from './growing.ts'
import { PROBLEMS_MAX, type Problem, type Refusal, refuse } from './problem.ts'
import { type Chunk, RetriedMappings, type RetryFilter } from './retried.ts'
import { type SystemCatalogue, unknownSystem } from './systems.ts'

export interface RetryPorts extends IntakePorts {
  readonly store: IntakeStore & QueryStore
}

/** What its caller is told whose request is tried again. */
export interface Retry {
  readonly kind: 'accepted'
  /** The new one. */
  readonly request: string
  readonly total: number
  /** The key was used before: this is the first answer once more, and nothing was stored. */
  readonly replayed: boolean
  readonly batches: number
}

export type Retrial =
  | Retry
  | Refusal
  /** It is still being carried out. */
  | { readonly kind: 'unfinished' }
  /** Nothing of it failed so, or was cancelled. */
  | { readonly kind: 'nothing' }
  /** The idempotency key belongs to another request. */
  | { readonly kind: 'conflict' }
  /** A request with this idempotency key is still being received. */
  | { readonly kind: 'receiving' }
  /** It took too long from one piece to the next: nothing was stored. */
  | { readonly kind: 'given_up' }

/** How long the store waits for the next piece before it gives a retry up. */
const RECEIVING_MS: DurationMs = 60_000

/** A retry on its way. */
interface Making {
  readonly ports: RetryPorts
  readonly outline: RequestOutline
  readonly growing: Growing
  readonly key: string | null
  /** What the key stands for. */
  readonly fingerprint: string
}

/**
 * Makes a new request of what failed, or was cancelled, in a finished one. It is there, whole and
 * durably, once this resolves with a receipt, and else not at all. Priority, metadata and callback are
 * those of the first; its times are over, and are not.
 */
export async function retry(
  first: Request,
  filter: RetryFilter,
  key: string | null,
  ports: RetryPorts,
): Promise<Retrial> {
  if (first.finishedAt === null) return { kind: 'unfinished' }
  const { store, systems, limits } = ports
  const mappings = new RetriedMappings(store, first, filter)
  const chunk = await mappings.next()
  const isNothing = chunk.isLast && chunk.mappings.length === 0
  if (isNothing) return { kind: 'nothing' }
  const growing = new Growing(batchSize(mappings.max, limits.batchSize), systems)
  const { code, target } = filter
  const fingerprint = hash('sha256', JSON.stringify(['retry', first.id, code, target]))
  const making = { ports, outline: outlineOf(first, ports), growing, key, fingerprint }
  return chunk.isLast ? insert(making, chunk) : receive(making, chunk, mappings)
}

function outlineOf(first: Request, { clock, newId }: RetryPorts): RequestOutline {
  const { tenant, priority, metadata, id: retryOf } = first
  const { callbackUrl } = first.terms
  const createdAt = clock.now()
  const terms = { ...NO_TERMS, callbackUrl, retryOf }
  return { id: newId(createdAt), tenant, priority, metadata, terms, createdAt }
}

/** A retry of one chunk goes in at once. */
async function insert(making: Making, { mappings }: Chunk): Promise<Retrial> {
  const { ports, outline, growing, key, fingerprint } = making
  const refusal = refusalOf(mappings, ports.systems)
  if (refusal !== null) return refusal
  const { batches } = growing.add(mappings)
  const { total, sources } = growing.whole()
  const idempotency = key === null ? null : { key, fingerprint }
  const inserted = await ports.store.insert({ ...outline, total, sources, batches, idempotency })
  if (inserted.kind === 'replayed') return replayOf(inserted.request)
  return inserted.kind === 'inserted' ? receiptOf(making) : inserted
}

/** A longer one goes in piece by piece. */
async function receive(making: Making, first: Chunk, rest: RetriedMappings): Promise<Retrial> {
  const { ports, outline, key, fingerprint } = making
  const { store, clock } = ports
  const now = clock.now()
  const opened = await store.open({ ...outline, key }, now + RECEIVING_MS, now)
  if (opened.kind === 'receiving') return opened
  if (opened.kind === 'known') {
    return opened.fingerprint === fingerprint ? replayOf(opened.request) : { kind: 'conflict' }
  }
  try {
    const ending = await stageAll(making, first, rest)
    // Where it has not come to be, nothing of it is to stay, and its key is to be free.
    if (ending.kind !== 'accepted') await store.abandon(outline)
    return ending
  } catch (error) {
    // A store that is away gives it up by itself.
    await store.abandon(outline).catch(() => {})
    throw error
  }
}

async function stageAll(making: Making, first: Chunk, rest: RetriedMappings): Promise<Retrial> {
  const { ports, outline, growing, key, fingerprint } = making
  const { store, systems, clock } = ports
  for (let chunk = first; ; chunk = await rest.next()) {
    const refusal = refusalOf(chunk.mappings, systems)
    if (refusal !== null) return refusal
    const now = clock.now()
    const piece = growing.add(chunk.mappings)
    if (!(await store.stage(outline, piece, now + RECEIVING_MS, now))) return { kind: 'given_up' }
    if (chunk.isLast) break
  }
  const whole = growing.whole()
  if (whole.total === 0) return { kind: 'nothing' }
  const isThere = await store.complete(outline, {
    ...whole,
    fingerprint: key === null ? null : fingerprint,
  })
  return isThere ? receiptOf(making) : { kind: 'given_up' }
}

function receiptOf({ outline, growing }: Making): Retry {
  const { total } = growing.whole()
  const { batches } = growing
  return { kind: 'accepted', request: outline.id, total, replayed: false, batches }
}

function replayOf({ id, total }: EarlierRequest): Retry {
  return { kind: 'accepted', request: id, total, replayed: true, batches: 0 }
}

/** The systems file may have changed since: what it no longer names cannot be called. */
function refusalOf(mappings: readonly Mapping[], systems: SystemCatalogue): Refusal | null {
  if (systems.mode === 'demo') return null
  const unknown = new Set<string>()
  for (const { source, target, data } of mappings) {
    if (!systems.has(target)) unknown.add(target)
    if (data === undefined && !systems.has(source)) unknown.add(source)
  }
  if (unknown.size === 0) return null
  const problems = [...unknown].slice(0, PROBLEMS_MAX).map((name): Problem => {
    const detail = `It needs the system "${name}". ${unknownSystem(name, systems)}`
    return { pointer: '#', code: 'unknown_system', detail }
  })
  return refuse(problems)
}
