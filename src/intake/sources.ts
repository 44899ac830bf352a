import type { Mapping } from '../core/mapping.ts'
import type { SystemCatalogue } from './systems.ts'

/** Counts of how many mappings the record is to be read from each system. */
export class Sources {
  readonly #systems: SystemCatalogue
  readonly #counts = new Map<string, number>()

  constructor(systems: SystemCatalogue) {
    this.#systems = systems
  }

  add({ source, data }: Mapping): void {
    if (data !== undefined || !this.#systems.reads(source)) return
    this.#counts.set(source, (this.#counts.get(source) ?? 0) + 1)
  }

  /** By the names of the systems. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts)
  }
}

/** Of how many mappings the record is to be read from each system. */
export function sourcesOf(
  mappings: readonly Mapping[],
  systems: SystemCatalogue,
): Readonly<Record<string, number>> {
  const sources = new Sources(systems)
  for (const mapping of mappings) sources.add(mapping)
  return sources.counts
}
