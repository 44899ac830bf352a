import type { Mapping } from '../core/mapping.ts'
import type { SystemCatalogue } from './systems.ts'

/** Of how many mappings the record is to be read from each system. */
export function sourcesOf(
  mappings: readonly Mapping[],
  systems: SystemCatalogue,
): Readonly<Record<string, number>> {
  const counts = new Map<string, number>()
  for (const { source, data } of mappings) {
    if (data === undefined && systems.reads(source)) {
      counts.set(source, (counts.get(source) ?? 0) + 1)
    }
  }
  return Object.fromEntries(counts)
}
