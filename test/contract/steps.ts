/** What the checks of the contract do again and again. */
import { expect } from 'vitest'
import { AUDIT_START, type AuditPlace } from '../../src/core/audit.ts'
import { standingOf } from '../../src/core/closed.ts'
import { finalState, processed, type Request } from '../../src/core/request.ts'
import type { DurationMs, EpochMs } from '../../src/core/units.ts'
import type { MappingState, Standing } from '../../src/core/verdict.ts'
import type {
  Audited,
  ClaimedBatch,
  NewRequest,
  RequestFilter,
  Settled,
  Settlement,
  Store,
  StoredBatch,
  Want,
} from '../../src/store/store.ts'
import {
  LANE,
  NOW,
  newRequest,
  piecesOf,
  type RequestOptions,
  TENANT,
  wholeOf,
} from '../support/requests.ts'

export const SECOND: DurationMs = 1000
export const MINUTE: DurationMs = 60 * SECOND
export const DAY: DurationMs = 24 * 60 * MINUTE

const WORKER = 'worker-1'

/** Joins a worker that lives for longer than any check looks ahead. */
export async function join(store: Store, worker = WORKER, deadline = NOW + 365 * DAY) {
  await store.join({ id: worker, host: 'somewhere' }, deadline)
}

/** Makes a request, and takes it in as a new one. */
export async function inserted(store: Store, options: RequestOptions = {}): Promise<NewRequest> {
  const request = newRequest(options)
  expect(await store.insert(request)).toEqual({ kind: 'inserted' })
  return request
}

/** Until when what is being received is waited for. */
export const UNTIL = NOW + 30 * SECOND

/** Begins a request that comes in pieces, under the key of its idempotency. */
export function opened(store: Store, request: NewRequest, now = NOW, until = UNTIL) {
  const { id, tenant, priority, metadata, terms, createdAt, idempotency } = request
  const outline = { id, tenant, priority, metadata, terms, createdAt }
  return store.open({ ...outline, key: idempotency?.key ?? null }, until, now)
}

/** Makes a request, and stages its pieces, some ten at most; it is not complete. */
export async function staged(store: Store, options: RequestOptions = {}): Promise<NewRequest> {
  const request = newRequest(options)
  expect(await opened(store, request)).toEqual({ kind: 'opened' })
  for (const piece of piecesOf(request, Math.max(2, Math.ceil(request.batches.length / 10)))) {
    expect(await store.stage(request, piece, UNTIL, NOW)).toBe(true)
  }
  return request
}

/** Makes a request, and takes it in in pieces; it is complete, and not released. */
export async function received(store: Store, options: RequestOptions = {}): Promise<NewRequest> {
  const request = await staged(store, options)
  expect(await store.complete(request, wholeOf(request))).toBe(true)
  return request
}

/** Releases all there is to release at a moment; gives how many calls that took. */
export async function released(store: Store, now: EpochMs = NOW): Promise<number> {
  for (let calls = 1; ; calls++) {
    const next = await store.release(now)
    if (next === null || next > now) return calls
  }
}

/** Clears away all there is to clear away; gives how many calls that took. */
export async function cleared(store: Store, now: EpochMs = NOW): Promise<number> {
  let calls = 0
  do calls += 1
  while (await store.clear(now))
  return calls
}

/** All that workers do to a store again and again: rescues, a whole audit, and one step of deleting. */
export async function swept(
  store: Pick<Store, 'rescue' | 'audit' | 'deleteOld'>,
  now: EpochMs,
  retainedSince: EpochMs,
) {
  const rescued = await store.rescue(now)
  const repaired = await auditRound(store, now)
  const { requests: deleted } = await store.deleteOld(now, retainedSince)
  return { rescued, repaired, deleted }
}

/** Audits all that is open, once; gives what was repaired. */
export async function auditRound(store: Pick<Store, 'audit'>, now: EpochMs = NOW) {
  const repaired: string[] = []
  for (let place: AuditPlace | null = AUDIT_START; place !== null; ) {
    const audited: Audited = await store.audit(place, now)
    place = audited.next
    if (audited.repaired !== null) repaired.push(audited.repaired)
  }
  return repaired
}

interface ClaimOptions extends Partial<Want> {
  readonly worker?: string
  readonly now?: EpochMs
}

/** Claims from one lane all there is, unless told otherwise. */
export async function claimed(
  store: Store,
  { worker = WORKER, now = NOW, ...want }: ClaimOptions = {},
): Promise<readonly ClaimedBatch[]> {
  const everything: Want = { lane: LANE, mappings: 1_000_000, below: null, turn: 0 }
  return (await store.claim(worker, [{ ...everything, ...want }], now)).batches
}

/** Claims the one batch that is next. */
export async function claimedOne(store: Store, options: ClaimOptions = {}): Promise<ClaimedBatch> {
  return only(await claimed(store, { ...options, mappings: 1 }))
}

/** Claims so many batches, one at a time, always by rank, and counts them by what `of` reads. */
export async function tally(
  store: Store,
  picks: number,
  of: (batch: ClaimedBatch) => string,
  options: ClaimOptions = {},
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {}
  for (let pick = 0; pick < picks; pick += 1) {
    const key = of(await claimedOne(store, options))
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

/** Expects a count to be within one of what it should be: ties may go either way. */
export function expectAbout(count: number | undefined, expected: number): void {
  expect(count).toBeGreaterThanOrEqual(expected - 1)
  expect(count).toBeLessThanOrEqual(expected + 1)
}

/** Settles, and expects that every settlement was written. */
export async function settled(
  store: Store,
  settlements: readonly Settlement[],
  now: EpochMs = NOW,
): Promise<Settled> {
  const answer = await store.settle(settlements, now)
  expect(answer.refused).toEqual([])
  return answer
}

/** Settles, and expects that every settlement came too late. */
export async function refused(store: Store, settlements: readonly Settlement[], now = NOW) {
  expect(await store.settle(settlements, now)).toEqual({
    refused: settlements.map(({ batch }) => batch),
    finished: [],
  })
}

/** The request as it stands, whose counters add up and agree with a recount of its batches. */
export async function audited(store: Store, { id, tenant }: NewRequest): Promise<Request> {
  const request = await store.request(tenant, id)
  if (request === null) throw new Error('the request is not there')
  const { total, completed, failed, cancelled, finishedAt, state } = request
  const stored = await allBatches(store, id, tenant)
  expect({ completed, failed, cancelled, pending: total - processed(request) }).toEqual(
    recount(stored),
  )
  const groups = await store.failures(tenant, id)
  expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(failed)
  if (finishedAt === null) {
    expect(['pending', 'in_progress']).toContain(state)
  } else {
    expect(processed(request)).toBe(total)
    expect(state).toBe(finalState(request))
  }
  return request
}

/** Every batch of a request. */
export async function allBatches(
  store: Pick<Store, 'batches'>,
  request: string,
  tenant = TENANT,
): Promise<readonly StoredBatch[]> {
  const all: StoredBatch[] = []
  const to = Number.MAX_SAFE_INTEGER
  for (let from = 0; from < to; ) {
    const some = await store.batches(tenant, request, { from, to, reaching: 0, state: null })
    all.push(...some.batches)
    from = some.next
  }
  return all
}

function recount(batches: readonly StoredBatch[]): Record<MappingState, number> {
  const counts = { pending: 0, completed: 0, failed: 0, cancelled: 0 }
  for (const { ordinals, verdicts, closed } of batches) {
    const standings: (Standing | null)[] =
      verdicts === null ? Array.from({ length: ordinals.count }, () => null) : JSON.parse(verdicts)
    expect(standings).toHaveLength(ordinals.count)
    for (const standing of standings) counts[standingOf(standing, closed)[0]] += 1
  }
  return counts
}

/** The ids of a tenant's requests, newest first. */
export async function listed(
  store: Store,
  filter: Partial<RequestFilter> = {},
  tenant = TENANT,
): Promise<readonly string[]> {
  const everything = { state: null, priority: null, createdAfter: null, before: null, limit: 1000 }
  const requests = await store.requests(tenant, { ...everything, ...filter })
  return requests.map(({ id }) => id)
}

/** What one request waits for. */
export async function waitingOf(store: Store, tenant: string, id: string) {
  return (await store.waiting(tenant, [id])).get(id) ?? []
}

/** The one element of a list that must hold exactly one. */
export function only<Element>(list: readonly Element[]): Element {
  const [first] = list
  if (first === undefined || list.length > 1) throw new Error(`expected one, got ${list.length}`)
  return first
}

/** The two elements of a list that must hold exactly two. */
export function two<Element>(list: readonly Element[]): readonly [Element, Element] {
  const [first, second] = list
  if (first === undefined || second === undefined || list.length > 2) {
    throw new Error(`expected two, got ${list.length}`)
  }
  return [first, second]
}

/** The three elements of a list that must hold exactly three. */
export function three<Element>(list: readonly Element[]): readonly [Element, Element, Element] {
  const [first, ...rest] = list
  if (first === undefined) throw new Error('expected three, got none')
  return [first, ...two(rest)]
}

/** Text in which something that is not kept byte for byte would show. */
export const DELICATE = [
  'e\u0301 is not \u00e9',
  'ﬁ Å Å ß ẞ İ ı',
  '👩‍👩‍👧 𝕏 \u200b\u202e\u2028\u2029\ufeff',
  `quotes ' " \` \\ '); DROP TABLE requests; -- % _ $1 ? :a`,
  ' spaces \t\n ',
  'NULL',
  '0123',
  '1e3',
] as const
