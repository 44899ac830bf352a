import { batchSize } from '../core/batch.ts'
import type { Mapping, Priority } from '../core/mapping.ts'
import type { Placed } from '../core/preview.ts'
import { batchesOf } from './batches.ts'
import type { Parsed } from './parse.ts'
import { sourcesOf } from './sources.ts'
import type { SystemCatalogue } from './systems.ts'

/** How many mappings of a request are looked at closely. */
const SAMPLE_SIZE = 5

/** A mapping that is longer as JSON is not. */
const SAMPLED_CHARACTERS_MAX = 100_000

/**
 * What would be stored of a request, in so far as it tells what would come of it. It is small, however
 * large the request, and can be handed to another thread.
 */
export interface Plan {
  readonly total: number
  readonly priority: Priority
  readonly metadata: Readonly<Record<string, string>>
  readonly batches: number
  /** How many mappings a batch holds at most. */
  readonly batchSize: number
  /** In the order in which the request first names them. */
  readonly lanes: readonly LanePlan[]
  /** Of how many mappings the record is to be read from each system. */
  readonly sources: Readonly<Record<string, number>>
  /** The first mappings. */
  readonly sample: readonly Sampled[]
}

/** What goes to one target. */
export interface LanePlan {
  readonly target: string
  readonly mappings: number
  readonly batches: number
  /** The systems that records for it are to be read from. */
  readonly sources: readonly string[]
}

/** A mapping to be looked at; where it is too large for that, without what it brings along. */
export interface Sampled extends Placed {
  readonly isTooLarge: boolean
}

/**
 * What would be stored of a request that was read.
 *
 * @param fixedSize of its batches, where it does not say itself; null: by its size
 */
export function planOf(
  { mappings, priority = 'MEDIUM', metadata = {}, batch_size }: Parsed,
  fixedSize: number | null,
  systems: SystemCatalogue,
): Plan {
  const total = mappings.length
  const size = batchSize(total, batch_size ?? fixedSize)
  const batches = batchesOf(mappings, size)
  const batchesByLane = Map.groupBy(batches, ({ lane }) => lane)
  const lanes = [...Map.groupBy(mappings, ({ target }) => target)].map(([target, own]) => ({
    target,
    mappings: own.length,
    batches: batchesByLane.get(target)?.length ?? 0,
    sources: Object.keys(sourcesOf(own, systems)),
  }))
  return {
    ...{ total, priority, metadata, batches: batches.length, batchSize: size, lanes },
    sources: sourcesOf(mappings, systems),
    sample: mappings.slice(0, SAMPLE_SIZE).map(sampled),
  }
}

function sampled(mapping: Mapping, ordinal: number): Sampled {
  const isTooLarge = JSON.stringify(mapping).length > SAMPLED_CHARACTERS_MAX
  const { id, source, target } = mapping
  return { ordinal, mapping: isTooLarge ? { id, source, target } : mapping, isTooLarge }
}
