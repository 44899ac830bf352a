import { type KeyRow, toEarlier } from '../rows.ts'
import {
  type NewBatch,
  type Opened,
  type OpenRequest,
  type Piece,
  type RejectedBatch,
  type RequestName,
  StoreUnavailable,
  type Whole,
  type WorkHint,
} from '../store.ts'
import type { StoreClock } from './clock.ts'
import { type Database, storableText } from './database.ts'
import { isUniqueViolation, onceMore } from './fault.ts'
import { FIND_KEY } from './intake-statements.ts'
import {
  ABANDON,
  COMPLETE,
  FIND_RECEIVING,
  OPEN,
  STAGE,
  STAGE_REJECTED,
} from './receive-statements.ts'

interface ReceivingRow {
  readonly total: number
  /** Null where it is complete, 0 where it was given up. */
  readonly receiving_until: number | null
}

/**
 * Takes in requests that come in pieces. While one is received its `total` counts what was staged, so
 * that each piece is written once, however often it is sent.
 *
 * @param hint told when there is something to release, after the transaction is committed
 */
export function receiveOperations(
  database: Database,
  clock: StoreClock,
  hint: (hint: WorkHint) => void,
) {
  async function openOnce(request: OpenRequest, until: number, now: number): Promise<Opened> {
    const { id, tenant, priority, metadata, terms, createdAt, key } = request
    const rows = await database.query(OPEN, [
      ...[clock.given(now), id, tenant, priority, createdAt, JSON.stringify(metadata)],
      ...[terms.notBefore, terms.expiresAt && terms.expiresAt - now],
      ...[terms.callbackUrl, terms.retryOf],
      ...[key, until - now],
    ])
    return rows.length === 1 ? { kind: 'opened' } : earlier(request)
  }

  /** Why a request with a key was not opened. */
  async function earlier({ id, tenant, key }: OpenRequest): Promise<Opened> {
    const [row] = await database.query<KeyRow>(FIND_KEY, [tenant, key])
    // It was deleted between the two statements: both will find out, when asked again.
    if (row === undefined) throw new StoreUnavailable('the request of this key is being deleted')
    if (row.id === id) return { kind: 'opened' }
    if (row.receiving_until !== null) return { kind: 'receiving' }
    return { kind: 'known', request: toEarlier(row), fingerprint: row.fingerprint }
  }

  /** The id is the caller's own, so that a repeat finds itself. */
  async function open(request: OpenRequest, until: number, now: number): Promise<Opened> {
    let isRepeat = false
    try {
      return await onceMore(
        () => openOnce(request, until, now),
        () => {
          isRepeat = true
        },
      )
    } catch (error) {
      if (!isRepeat || !isUniqueViolation(error)) throw error
      return { kind: 'opened' }
    }
  }

  async function stage(
    { tenant, id }: RequestName,
    { staged, batches, rejected = [] }: Piece,
    until: number,
    now: number,
  ): Promise<boolean> {
    const failed = mappingsIn(rejected)
    const mappings = mappingsIn(batches) + failed
    const [row] = await onceMore(() =>
      database.query<{ total: number }>(rejected.length === 0 ? STAGE : STAGE_REJECTED, [
        ...[clock.given(now), tenant, id, until - now, staged, mappings, batches.length],
        batches.map(({ lane }) => lane),
        batches.map(({ before }) => before),
        batches.map(({ ordinals }) => ordinals.first),
        batches.map(({ ordinals }) => ordinals.last),
        batches.map(({ ordinals }) => ordinals.count),
        batches.map(({ ordinals }) => ordinals.list && JSON.stringify(ordinals.list)),
        batches.map((batch) => batch.mappings),
        failed,
        ...(rejected.length === 0 ? [] : rejectedParameters(rejected)),
      ]),
    )
    if (row === undefined) return false
    const isInOrder = row.total === staged || row.total === staged + mappings
    if (!isInOrder && mappings > 0) throw new Error('pieces are staged one after another')
    return true
  }

  async function complete({ tenant, id }: RequestName, whole: Whole): Promise<boolean> {
    const lanes = Object.entries(whole.lanes)
    const names = lanes.map(([lane]) => storableText(lane))
    const rows = await onceMore(() =>
      database.query(COMPLETE, [
        ...[tenant, id, whole.total, JSON.stringify(names), JSON.stringify(whole.sources)],
        ...[whole.fingerprint, names, lanes.map(([, mappings]) => mappings)],
      ]),
    )
    if (rows.length === 0 && !(await isComplete({ tenant, id }))) return false
    hint({ lane: null, rank: null })
    return true
  }

  /** Why a request was not completed. */
  async function isComplete({ tenant, id }: RequestName): Promise<boolean> {
    const [row] = await database.query<ReceivingRow>(FIND_RECEIVING, [tenant, id])
    if (row === undefined || row.receiving_until === 0) return false
    if (row.receiving_until === null) return true
    throw new Error('a request is complete when all of it is staged')
  }

  async function abandon({ tenant, id }: RequestName): Promise<void> {
    await onceMore(() => database.query(ABANDON, [tenant, id]))
  }

  return { open, stage, complete, abandon }
}

function mappingsIn(batches: readonly NewBatch[]): number {
  return batches.reduce((sum, { ordinals }) => sum + ordinals.count, 0)
}

function rejectedParameters(batches: readonly RejectedBatch[]): readonly unknown[] {
  return [
    batches.map(({ lane }) => lane),
    batches.map(({ ordinals }) => ordinals.first),
    batches.map(({ ordinals }) => ordinals.last),
    batches.map(({ ordinals }) => ordinals.count),
    batches.map(({ ordinals }) => ordinals.list && JSON.stringify(ordinals.list)),
    batches.map(({ mappings }) => mappings),
    batches.map(({ verdicts }) => verdicts),
    batches.map(({ code }) => code),
    batches.map(({ sample }) => sample),
    batches.map(({ message }) => message),
  ]
}
