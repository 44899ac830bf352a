import Type, { type Static } from 'typebox'
import { CLOSED_STATES } from '../core/gate.ts'
import type { Override } from '../core/limits.ts'
import type { EpochMs } from '../core/units.ts'
import type { SystemControl, Waiting } from '../store/store.ts'
import { NullableTime, nullableTimeOf } from './time.ts'

const GATE_STATES = ['open', ...CLOSED_STATES, 'paused'] as const

export const GateSchema = Type.Object({
  state: Type.Enum(GATE_STATES, { type: 'string' }),
  until: NullableTime(
    'When it opens or, of one that is tripped or held, may be probed. Null where nobody knows, or it is open.',
  ),
  reason: Type.Union([Type.String(), Type.Null()], {
    description: 'A sentence for a person; null where it is open.',
  }),
})
export type GateView = Static<typeof GateSchema>

const OPEN: GateView = { state: 'open', until: null, reason: null }

interface Gated extends Pick<SystemControl, 'gate'> {
  readonly override: Pick<Override, 'paused'>
}

/** A system's gate as people see it at `now`; being paused goes before anything else. */
export function gateView({ gate, override }: Gated, now: EpochMs): GateView {
  if (override.paused) return { state: 'paused', until: null, reason: 'An operator has paused it.' }
  if (gate === null || (gate.state === 'throttled' && gate.until <= now)) return OPEN
  return { state: gate.state, until: nullableTimeOf(gate.until), reason: gate.reason }
}

export const WaitingSchema = Type.Object({
  system: Type.String(),
  gate: Type.Enum([...CLOSED_STATES, 'paused'], { type: 'string' }),
  until: NullableTime('As in the `gate` of the system; null where nobody knows.'),
  reason: Type.String(),
  mappings: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
    description: 'How many it holds up; null where some, and not all, are read from it.',
  }),
})
export type WaitingView = Static<typeof WaitingSchema>

/** What a request waits for, as its caller sees it. */
export function waitingView(waiting: readonly Waiting[], now: EpochMs): WaitingView[] {
  return waiting.flatMap((one) => {
    const { state, until, reason } = gateView(one, now)
    if (state === 'open') return []
    return [
      { system: one.system, gate: state, until, reason: reason ?? '', mappings: one.mappings },
    ]
  })
}

/**
 * When all that a request waits for may go on: now where it waits for nothing, null where nobody
 * can know.
 */
export function freeAt(waiting: readonly WaitingView[], now: EpochMs): EpochMs | null {
  let latest = now
  for (const { gate, until } of waiting) {
    if (gate !== 'throttled' || until === null) return null
    latest = Math.max(latest, Date.parse(until))
  }
  return latest
}
