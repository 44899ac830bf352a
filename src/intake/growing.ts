import type { Mapping } from '../core/mapping.ts'
import type { Piece, StagedBatch, Whole } from '../store/store.ts'
import { Batcher } from './batches.ts'
import { sourcesOf } from './sources.ts'
import type { SystemCatalogue } from './systems.ts'

/** A request that is put together chunk by chunk: what is stored of each, and what all come to. */
export class Growing {
  readonly #batchSize: number
  readonly #systems: SystemCatalogue
  readonly #lanes = new Map<string, number>()
  readonly #sources = new Map<string, number>()
  #total = 0
  #batches = 0

  constructor(batchSize: number, systems: SystemCatalogue) {
    this.#batchSize = batchSize
    this.#systems = systems
  }

  /** How many batches there are so far. */
  get batches(): number {
    return this.#batches
  }

  /** The mappings that come next, as they are stored. */
  add(mappings: readonly Mapping[]): Piece {
    const staged = this.#total
    const batches: StagedBatch[] = []
    const batcher = new Batcher(
      () => this.#batchSize,
      (batch) => {
        const before = this.#lanes.get(batch.lane) ?? 0
        this.#lanes.set(batch.lane, before + batch.ordinals.count)
        batches.push({ ...batch, before })
      },
    )
    for (const [place, mapping] of mappings.entries()) {
      batcher.add({ ordinal: staged + place, mapping }, null, 0)
    }
    batcher.flush()
    for (const [system, count] of Object.entries(sourcesOf(mappings, this.#systems))) {
      this.#sources.set(system, (this.#sources.get(system) ?? 0) + count)
    }
    this.#total += mappings.length
    this.#batches += batches.length
    return { staged, batches }
  }

  /** All that was added. */
  whole(): Omit<Whole, 'fingerprint'> {
    return {
      total: this.#total,
      sources: Object.fromEntries(this.#sources),
      lanes: Object.fromEntries(this.#lanes),
    }
  }
}
