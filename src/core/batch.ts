import type { EpochMs } from './units.ts'

/** The bounds of `batch_size`, whoever sets it. */
export const BATCH_SIZE = { min: 1, max: 1000 } as const

/** How far apart the first and the last ordinal of one batch may lie. Bounds what a page must read. */
export const ORDINAL_SPAN_MAX = 5000

const SMALL = 5
const LARGE = 500

/**
 * How many mappings make a batch of a request of `total` mappings: five, as the product promises,
 * until the request is larger than 5,000; then enough that it has about a thousand batches.
 */
export function batchSize(total: number, fixed: number | null): number {
  if (fixed !== null) return fixed
  return Math.min(LARGE, Math.max(SMALL, Math.ceil(total / 1000)))
}

/** Retries due within this of each other are carried out together, to save claims. */
const COALESCE_MS = 1000

/**
 * When a batch whose open mappings are due at `dueTimes` should be claimed again: with the earliest
 * of them, and so late that those due within a second after it come along. Never before the
 * earliest, and at most a second after it.
 */
export function nextRunAt(dueTimes: readonly EpochMs[]): EpochMs {
  const earliest = Math.min(...dueTimes)
  return Math.max(...dueTimes.filter((due) => due <= earliest + COALESCE_MS))
}
