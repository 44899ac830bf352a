import type { Random } from '../../src/core/units.ts'
import { type Clock, sleep } from '../../src/lib/clock.ts'
import type { NewRequest, Store } from '../../src/store/store.ts'
import { piecesOf, wholeOf } from '../support/requests.ts'

/** How long what is received is waited for, and how long a piece may take. */
const RECEIVING_MS = 10_000
const PIECE_MS = 4000

/**
 * Takes a request in in pieces, some time from one to the next. One in three stops on the way: it is
 * abandoned, or nobody hears of it again, or its next piece comes after it was given up.
 *
 * @returns whether it is complete
 */
export async function upload(
  request: NewRequest,
  store: Store,
  clock: Clock,
  random: Random,
  violations: string[],
): Promise<boolean> {
  const { id, tenant, priority, metadata, terms, createdAt } = request
  const outline = { id, tenant, priority, metadata, terms, createdAt, key: null }
  await store.open(outline, clock.now() + RECEIVING_MS, clock.now())
  const pieces = piecesOf(request, 1 + Math.floor(random() * 4))
  const stopsAt = random() < 1 / 3 ? Math.floor(random() * pieces.length) : null
  for (const [place, piece] of pieces.entries()) {
    if (place === stopsAt && random() < 1 / 3) return false
    await sleep(clock, place === stopsAt ? 3 * RECEIVING_MS : random() * PIECE_MS)
    if (place === stopsAt && random() < 1 / 2) await store.abandon(request)
    const now = clock.now()
    if ((await store.request(tenant, id)) !== null) violations.push(`${id} is there, and not whole`)
    if (await store.stage(request, piece, now + RECEIVING_MS, now)) continue
    if (stopsAt === null) violations.push(`${id} was given up, and its pieces came in time`)
    return false
  }
  return store.complete(request, wholeOf(request))
}
