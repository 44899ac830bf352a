/** What the benches hand in. */
import type { Mapping, Priority } from '../src/core/mapping.ts'

/** What every mapping here writes to its target. */
export const PAYLOAD = { field1: 'value1' }

/** Names of systems. Without a systems file both are simulated. */
export const SOURCE = 'source_system_1'
export const TARGET = 'target_system_1'

/** So many mappings, with ids that begin with `name`. */
export function mappings(count: number, name = 'map'): Mapping[] {
  return Array.from({ length: count }, (_, ordinal) => ({
    id: `${name}_${ordinal}`,
    source: SOURCE,
    target: TARGET,
    transformation: PAYLOAD,
  }))
}

/** A body of `POST /ingest`. */
export function ingest(
  count: number,
  { name = 'map', priority = 'MEDIUM' }: { name?: string; priority?: Priority } = {},
): string {
  return JSON.stringify({ mappings: mappings(count, name), priority })
}
