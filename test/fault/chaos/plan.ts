/** What is to go wrong, and when: decided by the seed alone, before anything happens. */
import type { DurationMs, Random } from '../../../src/core/units.ts'

export type Misfortune = 'killed' | 'stopped' | 'crashed' | 'shut down'

/** From `at`, for as long as it `lasts`; then the victim is started, or goes on. */
export interface Step {
  readonly at: DurationMs
  readonly lasts: DurationMs
  readonly victim: string
  readonly fate: Misfortune
}

export const DATABASE = 'postgres'

/** Longer than a worker may be silent, so that it is given up, and finds out when it goes on. */
const LONG_STOP_MS = { from: 15_500, to: 18_000 }
const SHORT_STOP_MS = { from: 200, to: 5000 }
const KILLED_FOR_MS = { from: 100, to: 2000 }
const AWAY_FOR_MS = { from: 200, to: 3000 }
/** Nothing lasts longer than this after the end. */
const OVER_MS = 5000
const GAP_MS = { from: 300, to: 2500 }

/** Every run has each of these; whatever more there is time for is drawn from them. */
const FATES = [
  { fate: 'killed', of: 'worker', lasts: KILLED_FOR_MS },
  { fate: 'killed', of: 'api', lasts: KILLED_FOR_MS },
  { fate: 'stopped', of: 'worker', lasts: LONG_STOP_MS },
  { fate: 'stopped', of: 'worker', lasts: SHORT_STOP_MS },
  { fate: 'stopped', of: 'api', lasts: SHORT_STOP_MS },
  { fate: 'crashed', of: DATABASE, lasts: AWAY_FOR_MS },
  { fate: 'shut down', of: DATABASE, lasts: AWAY_FOR_MS },
] as const

/** Makes the plan for a run: each victim suffers one thing at a time. */
export function plan(
  random: Random,
  length: DurationMs,
  workers: readonly string[],
  apis: readonly string[],
): readonly Step[] {
  const victims = { worker: workers, api: apis, [DATABASE]: [DATABASE] }
  const busyUntil = new Map<string, number>()
  const wanted = FATES.map((fate) => ({ fate, order: random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ fate }) => fate)
  const steps: Step[] = []
  const between = ({ from, to }: { from: number; to: number }) =>
    Math.round(from + random() * (to - from))
  for (let at = between(GAP_MS); at < length; at += between(GAP_MS)) {
    const { fate, of, lasts: bounds } = wanted.shift() ?? pick(FATES, random)
    const lasts = between(bounds)
    if (at + lasts > length + OVER_MS) continue
    const free = victims[of].filter((victim) => (busyUntil.get(victim) ?? 0) < at)
    if (free.length === 0) continue
    const victim = pick(free, random)
    busyUntil.set(victim, at + lasts)
    steps.push({ at, lasts, victim, fate })
  }
  return steps
}

export function pick<T>(from: readonly T[], random: Random): T {
  const picked = from[Math.floor(random() * from.length)]
  if (picked === undefined) throw new Error('nothing to pick from')
  return picked
}
