import Type, { type Static } from 'typebox'
import { MASK } from '../../core/preview.ts'
import { parseDuration } from '../../core/quantity.ts'
import type { DurationMs, Random } from '../../core/units.ts'
import type { Clock } from '../../lib/clock.ts'
import { seededRandom } from '../../lib/random.ts'
import type { Call, Connection, Kind, Preview, SystemContext, WriteAnswer } from '../kind.ts'

const LATENCY_MAX_MS = 600_000

const config = Type.Object({
  latency: Type.Optional(
    Type.Refine(
      Type.Unsafe<string>({}),
      (text) =>
        typeof text === 'string' &&
        (parseDuration(text) ?? Number.POSITIVE_INFINITY) <= LATENCY_MAX_MS,
      () => 'must be a duration of at most 10m, such as 50ms',
    ),
  ),
  success_rate: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  /** Makes the same calls succeed and fail in the same order at every start. */
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 })),
})

export type SimulatedConfig = Static<typeof config>

export interface SimulatedDefaults {
  readonly latency: DurationMs
  /** How likely a call succeeds, from 0 to 1. */
  readonly successRate: number
}

/** A system that only pretends: it takes its time, fails now and then, and has nothing to read. */
export function simulated(defaults: SimulatedDefaults): Kind<SimulatedConfig> {
  return {
    name: 'simulated',
    config,
    connect: (system) => connect(system, defaults),
    preview: (system) => preview(system.config, defaults),
  }
}

/** Shared by all calls: half a million of them a second should not cost an allocation each. */
const DELIVERED: WriteAnswer = { kind: 'delivered', result: {} }
const INTERRUPTED: WriteAnswer = { kind: 'interrupted' }
const REFUSED: WriteAnswer = {
  kind: 'refused',
  stage: 'write',
  httpStatus: 503,
  retryAfter: null,
  message: 'This simulated system fails some of its calls, as it was told to.',
}
const TIMED_OUT: WriteAnswer = {
  kind: 'unanswered',
  stage: 'write',
  code: 'timeout',
  message: 'This simulated system takes longer to answer than its timeout allows.',
}
const DELIVERED_AT_ONCE = Promise.resolve(DELIVERED)
const REFUSED_AT_ONCE = Promise.resolve(REFUSED)
const INTERRUPTED_AT_ONCE = Promise.resolve(INTERRUPTED)

function connect(system: SystemContext<SimulatedConfig>, defaults: SimulatedDefaults): Connection {
  const { config, clock, timeout } = system
  const { latency, successRate } = mannersOf(config, defaults)
  const random = config.seed === undefined ? system.random : seededRandom(config.seed)
  const late = latency > timeout

  return {
    read: null,
    write(call) {
      if (call.signal.aborted) return INTERRUPTED_AT_ONCE
      const lucky = succeeds(successRate, random)
      if (latency === 0) return lucky ? DELIVERED_AT_ONCE : REFUSED_AT_ONCE
      if (late) return answerAfter(timeout, TIMED_OUT, call, clock)
      return answerAfter(latency, lucky ? DELIVERED : REFUSED, call, clock)
    },
    bulk: null,
    close: () => Promise.resolve(),
  }
}

function mannersOf(config: SimulatedConfig, defaults: SimulatedDefaults): SimulatedDefaults {
  return {
    latency: parseDuration(config.latency ?? '') ?? defaults.latency,
    successRate: config.success_rate ?? defaults.successRate,
  }
}

function preview(config: SimulatedConfig, defaults: SimulatedDefaults): Preview {
  const { latency: told, successRate } = mannersOf(config, defaults)
  // What is masked is not known.
  const latency = config.latency === MASK ? null : told
  return {
    latency,
    read: null,
    write: (deliveries) =>
      deliveries.map(({ payload: body }) => ({
        kind: 'call',
        call: { body, latency_ms: latency, success_rate: successRate },
      })),
  }
}

function succeeds(rate: number, random: Random): boolean {
  return rate === 1 || random() < rate
}

function answerAfter(delay: DurationMs, answer: WriteAnswer, { signal }: Call, clock: Clock) {
  return new Promise<WriteAnswer>((resolve) => {
    const cancel = clock.after(delay, () => {
      signal.removeEventListener('abort', interrupt)
      resolve(answer)
    })
    function interrupt() {
      cancel()
      resolve(INTERRUPTED)
    }
    signal.addEventListener('abort', interrupt, { once: true })
  })
}
