/** The sample in the middle; of an even number, the mean of the two in the middle. */
export function median(samples: readonly number[]): number {
  const sorted = ascending(samples)
  const middle = sorted.length / 2
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN
  const high = sorted[Math.floor(middle)] ?? Number.NaN
  return (low + high) / 2
}

/** The smallest sample that at least `percent` of all samples do not exceed. */
export function percentile(samples: readonly number[], percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * samples.length))
  return ascending(samples)[rank - 1] ?? Number.NaN
}

function ascending(samples: readonly number[]): number[] {
  return samples.toSorted((a, b) => a - b)
}
