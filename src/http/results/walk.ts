import type { Request } from '../../core/request.ts'
import type { MappingState } from '../../core/verdict.ts'
import { type Stretch, walk } from '../../core/walk.ts'
import { othersFirst } from '../../lib/others-first.ts'
import type { QueryStore } from '../../store/store.ts'

/** Which results of a request are wanted. */
export interface Wanted {
  readonly tenant: string
  readonly request: Pick<Request, 'id' | 'total'>
  /** Ordinals from here. */
  readonly from: number
  /** Null for all. */
  readonly state: MappingState | null
}

/**
 * Walks through the results of a request, as `core/walk.ts` does; others in this thread get their turn
 * before each stretch.
 *
 * @param stride how many ordinals to go on at a time
 */
export function walkResults(
  store: Pick<QueryStore, 'batches'>,
  { tenant, request, from, state }: Wanted,
  stride: number,
): AsyncGenerator<Stretch> {
  const { id, total } = request
  return walk(
    async (range) => {
      await othersFirst()
      return store.batches(tenant, id, range)
    },
    { total, from, state },
    stride,
  )
}
