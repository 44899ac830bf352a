/** What a bench is, and what it finds. */

export interface Bench {
  readonly name: string
  /** What is measured, in a sentence. */
  readonly what: string
  /** What it is compared with, in a sentence; null where it stands by itself. */
  readonly reference: string | null
  /** How often `run` calls its step. */
  readonly steps: number
  run(step: Step): Promise<readonly Finding[]>
}

/** Called after each step, so that whoever waits sees that it goes on. */
export type Step = () => void

/** Something measured, and what it should be. */
export type Finding = Comparison | Measurement | Unmeasured

/** Sluice beside the bench's reference; more is better. */
export interface Comparison {
  readonly kind: 'comparison'
  readonly what: string
  readonly unit: string
  readonly samples: Pairs
  /** The least ratio of the medians that will do. */
  readonly target: number
  /** A median of Sluice's that will do whatever the ratio is. */
  readonly enough?: number
}

/** One sample of each for every round. */
export interface Pairs {
  readonly sluice: readonly number[]
  readonly reference: readonly number[]
}

/** Something measured by itself; less is better. */
export interface Measurement {
  readonly kind: 'measurement'
  readonly what: string
  readonly unit: string
  readonly samples: readonly number[]
  /** What is judged: 50 for the median, 99 for the 99th percentile, 100 for the highest. */
  readonly percentile: 50 | 99 | 100
  /** What it must not exceed. */
  readonly target: number
}

/** What cannot be measured where the benches run. */
export interface Unmeasured {
  readonly kind: 'unmeasured'
  readonly what: string
  /** What is missing. */
  readonly because: string
}

const ROUNDS = 5
/** The first rounds, which are left out. */
export const WARM_UPS = 1

/** How many steps it takes to measure so many things in turn. */
export function stepsInTurn(things: number): number {
  return things * (WARM_UPS + ROUNDS)
}

/** How many steps `interleave` takes. */
export const INTERLEAVED_STEPS = stepsInTurn(2)

/** Measures Sluice and its reference in turn. */
export async function interleave(
  sluice: () => Promise<number>,
  reference: () => Promise<number>,
  step: Step,
): Promise<Pairs> {
  const [ours = [], theirs = []] = await inTurn([sluice, reference], step)
  return { sluice: ours, reference: theirs }
}

/**
 * Measures things in turn, so that whatever else the machine does meets all of them. The first
 * round only warms them up.
 *
 * @returns the samples of each thing
 */
export async function inTurn(
  things: readonly (() => Promise<number>)[],
  step: Step,
): Promise<readonly (readonly number[])[]> {
  const samples = things.map((): number[] => [])
  for (let round = 0; round < WARM_UPS + ROUNDS; round++) {
    for (const [place, measure] of things.entries()) {
      samples[place]?.push(await measure())
      step()
    }
  }
  return samples.map((all) => all.slice(WARM_UPS))
}

/** How many of `count` a second. */
export function perSecond(count: number, elapsedMs: number): number {
  return (count / elapsedMs) * 1000
}
