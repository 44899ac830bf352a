import type { Mapping } from '../core/mapping.ts'
import { unpack } from '../core/packed.ts'
import type { EpochMs, Json } from '../core/units.ts'
import type { Standing } from '../core/verdict.ts'
import { isJsonObject } from '../lib/json/object.ts'
import { pointerTo } from '../lib/json/pointer.ts'
import type { NewBatch, RejectedBatch } from '../store/store.ts'
import { Batcher, type Member } from './batches.ts'
import { isId, isName } from './checks.ts'
import type { Fault } from './explain.ts'

/** A mapping that is not taken where others are: it is among the results, and has failed. */
export interface Rejected extends Member {
  /** Why, for a person. */
  readonly reason: string
}

/** The code of their error. */
export const INVALID_MAPPING = 'invalid_mapping'

/** A reason is to be read, and kept for every mapping. */
const REASON_LENGTH_MAX = 500

/**
 * What can be kept of a candidate with these faults; of one that could not even be read, nothing can.
 *
 * @param lane its target, where it can be one
 * @param placeholder its id, where it has none that can be used
 */
export function rejectedOf(
  candidate: unknown,
  faults: readonly Fault[],
  { ordinal, lane, placeholder }: { ordinal: number; lane: string; placeholder: string },
): Rejected {
  const { id, source, transformation, data } = fieldsOf(candidate)
  const mapping: Mapping = {
    id: isId(id) ? id : placeholder,
    source: isName(source) ? source : '',
    target: lane,
    ...(isJsonObject(transformation) && { transformation }),
    ...(data !== undefined && { data }),
  }
  return { ordinal, mapping, reason: reasonOf(faults) }
}

/** Whatever was read as JSON is JSON. */
interface Fields extends Partial<Record<'id' | 'source' | 'transformation' | 'data', Json>> {}

function fieldsOf(candidate: unknown): Fields {
  return typeof candidate === 'object' && candidate !== null ? candidate : {}
}

function reasonOf(faults: readonly Fault[]): string {
  const sentences = faults.map(({ path, detail }) => {
    return path.length === 0 ? detail : `${pointerTo(path)}: ${detail}`
  })
  return sentences.join(' ').slice(0, REASON_LENGTH_MAX).toWellFormed()
}

/** How many of them are stored together. */
const BATCH_SIZE = 500

/** Cuts them into batches; each has failed at `now`. */
export class Rejects {
  readonly #now: EpochMs
  readonly #batcher: Batcher<string>

  constructor(now: EpochMs, emit: (batch: RejectedBatch) => void) {
    this.#now = now
    this.#batcher = new Batcher(
      () => BATCH_SIZE,
      (batch, reasons) => emit(this.#failed(batch, reasons)),
    )
  }

  /** @param weight about how much text it is */
  add(rejected: Rejected, weight: number): void {
    this.#batcher.add(rejected, rejected.reason, weight + rejected.reason.length)
  }

  flush(): void {
    this.#batcher.flush()
  }

  #failed(batch: NewBatch, reasons: readonly string[]): RejectedBatch {
    const standings = reasons.map((message): Standing => {
      const error = { code: INVALID_MAPPING, message, stage: 'read', httpStatus: null } as const
      return ['failed', 0, this.#now, 0, error]
    })
    const [sample = ''] = unpack(batch.mappings).ids
    const message = reasons.at(-1) ?? ''
    return { ...batch, verdicts: JSON.stringify(standings), code: INVALID_MAPPING, sample, message }
  }
}
