import type { Mapping } from '../core/mapping.ts'
import type { Placed } from '../core/preview.ts'
import { Batcher, type Member } from './batches.ts'
import { Sources } from './sources.ts'
import type { SystemCatalogue } from './systems.ts'

/** How many mappings of a request are looked at closely. */
const SAMPLE_SIZE = 5

/** A mapping that is longer as JSON is not. */
const SAMPLED_CHARACTERS_MAX = 100_000

/** What would be stored of a request's mappings. It is small, however many they are. */
export interface Drafted {
  readonly batches: number
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

/** Plans a request as its mappings come: counts what would be stored of them, and keeps only the first. */
export class Draft {
  readonly #systems: SystemCatalogue
  readonly #batcher: Batcher
  readonly #lanes = new Map<string, Lane>()
  readonly #sources: Sources
  readonly #sample: Sampled[] = []
  #batches = 0

  /** @param sizeNow how many mappings a batch may hold that is cut now */
  constructor(sizeNow: () => number, systems: SystemCatalogue) {
    this.#systems = systems
    this.#sources = new Sources(systems)
    this.#batcher = new Batcher(sizeNow, ({ lane }) => {
      this.#batches += 1
      this.#laneOf(lane).batches += 1
    })
  }

  /** @param weight about how much text it is */
  take(member: Member, weight: number): void {
    const { mapping } = member
    const lane = this.#laneOf(mapping.target)
    lane.mappings += 1
    lane.sources.add(mapping)
    this.#sources.add(mapping)
    if (this.#sample.length < SAMPLE_SIZE) this.#sample.push(sampled(member))
    this.#batcher.add(member, null, weight)
  }

  /** All that was taken. */
  finish(): Drafted {
    this.#batcher.flush()
    const lanes = [...this.#lanes].map(([target, { mappings, batches, sources }]): LanePlan => {
      return { target, mappings, batches, sources: Object.keys(sources.counts) }
    })
    const sources = this.#sources.counts
    return { batches: this.#batches, lanes, sources, sample: this.#sample }
  }

  #laneOf(target: string): Lane {
    const lane = this.#lanes.get(target) ?? new Lane(this.#systems)
    this.#lanes.set(target, lane)
    return lane
  }
}

/** What comes to one target. */
class Lane {
  mappings = 0
  batches = 0
  readonly sources: Sources

  constructor(systems: SystemCatalogue) {
    this.sources = new Sources(systems)
  }
}

function sampled({ ordinal, mapping }: Member): Sampled {
  const isTooLarge = JSON.stringify(mapping).length > SAMPLED_CHARACTERS_MAX
  return { ordinal, mapping: isTooLarge ? named(mapping) : mapping, isTooLarge }
}

function named({ id, source, target }: Mapping): Mapping {
  return { id, source, target }
}
