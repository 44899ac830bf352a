/** What the systems file may say of a system's limits. */
import Type, { type Static } from 'typebox'
import type { BreakerPolicy } from '../core/breaker.ts'
import { LIMIT_BOUNDS, type Limits, type Rate } from '../core/limits.ts'
import { parseDuration, parseRates } from '../core/quantity.ts'
import { Duration } from './schema.ts'

/** Where concurrency is to be found out, and nobody says how far to go. */
const ADAPTIVE = { min: 1, max: 200 } as const

type Concurrency = number | 'adaptive' | { readonly min?: number; readonly max?: number }

const isCalls = (value: unknown) =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= LIMIT_BOUNDS.concurrency

function isConcurrency(value: unknown): boolean {
  if (value === 'adaptive' || isCalls(value)) return true
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { min = ADAPTIVE.min, max = ADAPTIVE.max, ...rest }: Record<string, unknown> = { ...value }
  return (
    Object.keys(rest).length === 0 && isCalls(min) && isCalls(max) && Number(min) <= Number(max)
  )
}

const CALLS = `a whole number from 1 to ${LIMIT_BOUNDS.concurrency}`

/** The entries about limits, by name. */
export const limitProperties = {
  concurrency: Type.Optional(
    Type.Refine(
      Type.Unsafe<Concurrency>({}),
      isConcurrency,
      () => `must be ${CALLS}, or adaptive, or {min, max} with such numbers`,
    ),
  ),
  rate: Type.Optional(
    Type.Refine(
      Type.Unsafe<string | readonly string[]>({}),
      (value) => parseRates(value) !== null,
      () => 'must be a rate such as 100/s or 5000/h, or a list of them',
    ),
  ),
  burst: Type.Optional(Type.Integer({ minimum: 1, maximum: LIMIT_BOUNDS.cost })),
  cost: Type.Optional(
    Type.Object({
      read: Type.Optional(Type.Integer({ minimum: 0, maximum: LIMIT_BOUNDS.cost })),
      write: Type.Optional(Type.Integer({ minimum: 0, maximum: LIMIT_BOUNDS.cost })),
    }),
  ),
  breaker: Type.Optional(
    Type.Object({
      failure_ratio: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
      window: Type.Optional(Duration('1s', '1h')),
      minimum: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
      cooldown: Type.Optional(Duration('1s', '1h')),
    }),
  ),
}
const LimitConfig = Type.Object(limitProperties)
type LimitConfig = Static<typeof LimitConfig>

/** @param fallback the concurrency of a system that does not say */
export function limitsOf(config: LimitConfig, fallback: number): Limits {
  const { concurrency = fallback, rate, burst, cost } = config
  const rates = parseRates(rate)
  return {
    ...concurrencyOf(concurrency),
    rate: rates && withBurst(rates, burst),
    ...(cost && { cost: { read: cost.read ?? 1, write: cost.write ?? 1 } }),
  }
}

function concurrencyOf(said: Concurrency): Pick<Limits, 'concurrency' | 'adaptiveFrom'> {
  if (typeof said === 'number') return { concurrency: said }
  const { min, max } = said === 'adaptive' ? ADAPTIVE : { ...ADAPTIVE, ...said }
  return { concurrency: max, adaptiveFrom: min }
}

/** A burst is over soon: it belongs to the shortest window. */
function withBurst(rates: readonly Rate[], burst: number | undefined): readonly Rate[] {
  if (burst === undefined) return rates
  const shortest = Math.min(...rates.map(({ per }) => per))
  return rates.map((rate) => (rate.per === shortest ? { ...rate, burst } : rate))
}

const BREAKER: BreakerPolicy = { failureRatio: 0.5, window: 30_000, minimum: 20, cooldown: 30_000 }

/** Null where the system has none. */
export function breakerOf({ breaker }: LimitConfig): BreakerPolicy | null {
  if (breaker === undefined) return null
  const { failure_ratio = BREAKER.failureRatio, minimum = BREAKER.minimum } = breaker
  return {
    failureRatio: failure_ratio,
    window: parseDuration(breaker.window ?? '') ?? BREAKER.window,
    minimum,
    cooldown: parseDuration(breaker.cooldown ?? '') ?? BREAKER.cooldown,
  }
}
