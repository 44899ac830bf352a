import { ORDINAL_SPAN_MAX } from '../core/batch.ts'
import type { Mapping } from '../core/mapping.ts'
import { pack } from '../core/packed.ts'
import type { NewBatch } from '../store/store.ts'

/**
 * Cuts the mappings of a request, or a part of them, into batches, each for one target and of at most
 * `size` mappings. A target's batches come in order of their ordinals.
 *
 * @param from the ordinal of the first mapping
 */
export function batchesOf(
  mappings: readonly Mapping[],
  size: number,
  from = 0,
): readonly NewBatch[] {
  const batches: NewBatch[] = []
  const filling = new Map<string, Member[]>()

  function emit(members: readonly Member[]): void {
    const batch = batchOf(members)
    if (batch !== null) batches.push(batch)
  }

  for (const [position, mapping] of mappings.entries()) {
    const ordinal = from + position
    const members = filling.get(mapping.target)
    if (members === undefined) {
      filling.set(mapping.target, [{ ordinal, mapping }])
    } else if (members.length === size || spanTo(ordinal, members) > ORDINAL_SPAN_MAX) {
      emit(members)
      filling.set(mapping.target, [{ ordinal, mapping }])
    } else {
      members.push({ ordinal, mapping })
    }
  }
  for (const members of filling.values()) emit(members)
  return batches
}

interface Member {
  readonly ordinal: number
  readonly mapping: Mapping
}

function spanTo(ordinal: number, [first]: readonly Member[]): number {
  return first === undefined ? 0 : ordinal - first.ordinal
}

function batchOf(members: readonly Member[]): NewBatch | null {
  const first = members[0]
  const last = members.at(-1)
  if (first === undefined || last === undefined) return null
  const count = members.length
  const isContiguous = last.ordinal - first.ordinal === count - 1
  return {
    lane: first.mapping.target,
    ordinals: {
      first: first.ordinal,
      last: last.ordinal,
      count,
      list: isContiguous ? null : members.map(({ ordinal }) => ordinal),
    },
    mappings: pack(members.map(({ mapping }) => mapping)),
  }
}
