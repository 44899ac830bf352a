import type { Request } from '../../core/request.ts'
import { type KeyRow, type RequestRow, toEarlier, toRequest } from '../rows.ts'
import { type Inserted, type NewRequest, StoreUnavailable, type WorkHint } from '../store.ts'
import type { StoreClock } from './clock.ts'
import { type Database, storableText } from './database.ts'
import { AnswerLost, isUniqueViolation } from './fault.ts'
import { gather } from './gather.ts'
import { FIND_FLOWS, FIND_KEY, FIND_REQUEST, INSERT } from './intake-statements.ts'
import { type Flow, type Part, type Placed, partsOf, placeAll } from './places.ts'

/** A request of more batches is inserted alone: small ones shall not wait for its transfer. */
const SMALL_MAX = 20

/** @param hint told of every lane that got work, after the transaction is committed */
export function intakeOperations(
  database: Database,
  clock: StoreClock,
  hint: (hint: WorkHint) => void,
) {
  /** What there is to be found out of a key is that request's own: the others are inserted. */
  async function insertAll(
    requests: readonly NewRequest[],
  ): Promise<readonly (Inserted | Promise<Inserted>)[]> {
    const parts = requests.flatMap(partsOf)
    const placed = placeAll(parts, await findFlows(parts))
    const rows = await database.query<{ id: string; place: number }>(
      INSERT,
      parametersOf(requests, parts, placed, clock),
    )
    const inserted = new Set(rows.map(({ place }) => place))
    for (const { part, batch, rank } of placed) {
      // The first batch of a part has its lowest rank.
      if (batch !== part.batches[0] || !inserted.has(part.place)) continue
      hint(part.isEarly ? { lane: null, rank: null } : { lane: part.lane, rank })
    }
    return requests.map((request, index) =>
      inserted.has(index + 1) ? { kind: 'inserted' } : earlier(request),
    )
  }

  async function findFlows(parts: readonly Part[]): Promise<readonly Flow[]> {
    return database.query<Flow>(FIND_FLOWS, [
      parts.map(({ lane }) => lane),
      parts.map(({ request }) => request.tenant),
      parts.map(({ request }) => request.priority),
    ])
  }

  /** Why a request with a key was not inserted. */
  async function earlier({ id, tenant, idempotency }: NewRequest): Promise<Inserted> {
    const [row] = await database.query<KeyRow>(FIND_KEY, [tenant, idempotency?.key])
    // It was deleted between the two statements: both will find out, when asked again.
    if (row === undefined) throw new StoreUnavailable('the request of this key is being deleted')
    if (row.id === id) return { kind: 'inserted' }
    if (row.receiving_until !== null) return { kind: 'receiving' }
    if (row.fingerprint !== idempotency?.fingerprint) return { kind: 'conflict' }
    return { kind: 'replayed', request: toEarlier(row) }
  }

  const insertGathered = gather(insertAll, (error) => !(error instanceof StoreUnavailable))

  async function insertOnce(request: NewRequest): Promise<Inserted> {
    if (request.batches.length <= SMALL_MAX) return insertGathered(request)
    const [inserted] = await insertAll([request])
    if (inserted === undefined) throw new Error('an insert has an answer')
    return inserted
  }

  /**
   * The answer to a commit may be lost: whether it took place is found out by asking once more. The
   * id is the caller's own, so that a repeat finds itself.
   */
  async function insert(request: NewRequest): Promise<Inserted> {
    try {
      return await insertOnce(request)
    } catch (error) {
      if (error instanceof AnswerLost) return insertAgain(request)
      throw error
    }
  }

  async function insertAgain(request: NewRequest): Promise<Inserted> {
    try {
      return await insertOnce(request)
    } catch (error) {
      if (!isUniqueViolation(error)) throw error
      const [row] = await database.query<RequestRow>(FIND_REQUEST, [request.tenant, request.id])
      if (row === undefined || !isSame(request, toRequest(row))) throw error
      return { kind: 'inserted' }
    }
  }

  return { insert }
}

function parametersOf(
  requests: readonly NewRequest[],
  parts: readonly Part[],
  placed: readonly Placed[],
  clock: StoreClock,
): readonly unknown[] {
  const lanes = Map.groupBy(parts, ({ request }) => request)
  return [
    requests.map(({ id }) => id),
    requests.map(({ tenant }) => tenant),
    requests.map(({ priority }) => priority),
    requests.map(({ total }) => total),
    requests.map(({ createdAt }) => createdAt),
    requests.map(({ metadata }) => JSON.stringify(metadata)),
    requests.map((request) => JSON.stringify(namesOf(lanes.get(request) ?? []))),
    requests.map(({ sources }) => JSON.stringify(sources)),
    requests.map(({ batches }) => batches.length),
    requests.map(({ idempotency }) => idempotency?.key ?? null),
    requests.map(({ idempotency }) => idempotency?.fingerprint ?? null),
    placed.map(({ part }) => part.place),
    placed.map(({ batch }) => batch.lane),
    placed.map(({ start }) => start),
    placed.map(({ rank }) => rank),
    placed.map(({ batch }) => batch.ordinals.first),
    placed.map(({ batch }) => batch.ordinals.last),
    placed.map(({ batch }) => batch.ordinals.count),
    placed.map(({ batch: { ordinals } }) => ordinals.list && JSON.stringify(ordinals.list)),
    placed.map(({ batch }) => batch.mappings),
    requests.map(({ terms }) => terms.notBefore),
    requests.map(({ terms, createdAt }) => terms.expiresAt && terms.expiresAt - createdAt),
    requests.map(({ terms }) => terms.callbackUrl),
    requests.map(({ terms }) => terms.retryOf),
    requests.map(({ createdAt }) => clock.given(createdAt)),
  ]
}

/** The lanes' names, as other tables have them: SQL reads them out of this list again. */
function namesOf(parts: readonly Part[]): readonly string[] {
  return [...new Set(parts.map(({ lane }) => storableText(lane)))]
}

/**
 * Whether a stored request is this very one, and not another that has taken its id. When it expires is told
 * by another clock.
 */
function isSame(given: NewRequest, stored: Request): boolean {
  const { expiresAt } = given.terms
  return (
    given.createdAt === stored.createdAt &&
    given.total === stored.total &&
    given.priority === stored.priority &&
    JSON.stringify(given.metadata) === JSON.stringify(stored.metadata) &&
    JSON.stringify(given.terms) === JSON.stringify({ ...stored.terms, expiresAt })
  )
}
