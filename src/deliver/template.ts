import type { Mapping } from '../core/mapping.ts'
import type { Json } from '../core/units.ts'

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
