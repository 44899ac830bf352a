import { pack } from '../../src/core/packed.ts'
import type { NewBatch } from '../../src/store/store.ts'

const BATCH = 5

/** Mappings whose targets take turns, so that the ordinals of batches lie between each other. */
export function batches(total: number, lanes: readonly string[]): readonly NewBatch[] {
  const byLane = new Map<string, number[]>()
  for (let ordinal = 0; ordinal < total; ordinal++) {
    const lane = lanes[ordinal % lanes.length] ?? ''
    byLane.set(lane, [...(byLane.get(lane) ?? []), ordinal])
  }
  return [...byLane].flatMap(([lane, ordinals]) =>
    Array.from({ length: Math.ceil(ordinals.length / BATCH) }, (_, n) =>
      batch(lane, ordinals.slice(n * BATCH, (n + 1) * BATCH)),
    ),
  )
}

function batch(lane: string, ordinals: readonly number[]): NewBatch {
  const [first = 0, last = 0, count] = [ordinals[0], ordinals.at(-1), ordinals.length]
  const list = last - first === count - 1 ? null : ordinals
  const mappings = ordinals.map((ordinal) => ({
    id: `m${ordinal}`,
    source: 'steady',
    target: lane,
    // Every third mapping brings its record along; the others read it.
    ...(ordinal % 3 === 0 ? { data: {} } : {}),
  }))
  return { lane, ordinals: { first, last, count, list }, mappings: pack(mappings) }
}
