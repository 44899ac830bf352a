import { pack } from '../../src/core/packed.ts'
import type { Standing } from '../../src/core/verdict.ts'
import type { ClaimedBatch } from '../../src/store/store.ts'
import { LANE, TENANT } from '../support/requests.ts'

interface BatchOptions extends Partial<Omit<ClaimedBatch, 'mappings' | 'verdicts'>> {
  /** How many mappings it has; one unless told. */
  readonly count?: number
  readonly standings?: readonly (Standing | null)[]
}

/** A claimed batch, as a store gives it out: fresh, unless told otherwise. */
export function claimedBatch({ count = 1, standings, ...rest }: BatchOptions = {}): ClaimedBatch {
  const mappings = Array.from({ length: count }, (_, at) => ({
    id: `map_${at}`,
    source: 'source',
    target: LANE,
  }))
  return {
    id: 1,
    token: 1,
    request: 'request',
    tenant: TENANT,
    lane: LANE,
    rank: 1,
    rescues: 0,
    ordinals: { first: 0, last: count - 1, count, list: null },
    mappings: pack(mappings),
    metadata: '{}',
    verdicts: standings === undefined ? null : JSON.stringify(standings),
    probe: false,
    callback: false,
    ...rest,
  }
}
