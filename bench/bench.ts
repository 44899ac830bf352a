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
export type Finding = Comparison | Measurement

/** Sluice beside the bench's reference; more is better. */
export interface Comparison {
  readonly kind: 'comparison'
  readonly what: string
  readonly unit: string
  readonly samples: Pairs
  /** The least ratio of the medians that will do. */
  readonly target: number
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
  /** What is judged: 50 for the median, 99 for the 99th percentile. */
  readonly percentile: 50 | 99
  /** What it must not exceed. */
  readonly target: number
}

const ROUNDS = 5
/** The first rounds, which `interleave` leaves out. */
export const WARM_UPS = 1

/** How many steps `interleave` takes. */
export const INTERLEAVED_STEPS = 2 * (WARM_UPS + ROUNDS)

/**
 * Measures two things in turn, so that whatever else the machine does meets both. The
 * first round only warms them up.
 */
export async function interleave(
  sluice: () => Promise<number>,
  reference: () => Promise<number>,
  step: Step,
): Promise<Pairs> {
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < WARM_UPS + ROUNDS; round++) {
    ours.push(await sluice())
    step()
    theirs.push(await reference())
    step()
  }
  return { sluice: ours.slice(WARM_UPS), reference: theirs.slice(WARM_UPS) }
}

/** How many of `count` a second. */
export function perSecond(count: number, elapsedMs: number): number {
  return (count / elapsedMs) * 1000
}
