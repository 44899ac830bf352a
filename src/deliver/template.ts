import type { Mapping } from '../core/mapping.ts'
import type { Json } from '../core/units.ts'
import type { Input } from './transform/job.ts'

/**
 * What is handed to the target where there is nothing to compute: the transformation, as it is; without
 * one the record; without either the mapping's own coordinates.
 *
 * @param record undefined where there is none
 */
export function payload(mapping: Mapping, record: Json | undefined): Json {
  const { id, source, target, transformation } = mapping
  return transformation ?? (record === undefined ? { id, source, target } : record)
}

/**
 * What the expressions of a transformation see.
 *
 * @param record undefined where there is none
 */
export function inputOf(
  { id, source, target }: Mapping,
  metadata: Readonly<Record<string, string>>,
  record: Json | undefined,
): Input {
  const coordinates = { id, source, target, metadata }
  return record === undefined ? coordinates : { ...coordinates, record }
}
