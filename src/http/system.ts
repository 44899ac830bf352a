import Type, { type Static } from 'typebox'
import { inForce, type Limits, type Rate } from '../core/limits.ts'
import { formatRate } from '../core/quantity.ts'
import { concurrencyInForce, type Reported, together } from '../core/report.ts'
import type { SystemEntry } from '../core/system.ts'
import type { EpochMs } from '../core/units.ts'
import type { StoredSystem } from '../store/store.ts'
import { HttpStatusSchema } from './status.ts'
import { NullableTime, nullableTimeOf, TimeSchema, timeOf } from './time.ts'
import { GateSchema, gateView } from './waiting.ts'

/** What the systems file says of a system. */
export type SystemDescription = Pick<SystemEntry, 'kind' | 'limits' | 'breaker'>

const Count = Type.Integer({ minimum: 0 })

const RatesSchema = Type.Array(Type.String({ examples: ['100/s'] }), {
  description: 'Every one of them must allow a call; none allows any.',
})

function said(what: string) {
  return Type.Union([Count, Type.Null()], { description: `${what}; null where it does not say.` })
}

export const SystemSchema = Type.Object(
  {
    name: Type.String(),
    kind: Type.String({ examples: ['http'] }),
    gate: GateSchema,
    limits: Type.Object({
      configured: Type.Object({
        concurrency: Count,
        adaptive_from: Type.Union([Count, Type.Null()], {
          description: 'Where it is found out by trial: from here up to `concurrency`.',
        }),
        rate: RatesSchema,
        burst: Type.Union([Count, Type.Null()], {
          description: 'How many calls may come at once after a pause; null where nobody has said.',
        }),
        cost: Type.Object(
          { read: Count, write: Count },
          { description: 'How much of the rate a call takes.' },
        ),
      }),
      in_force: Type.Object({
        concurrency: Type.Integer({ minimum: 0, description: 'What is found out, where it is.' }),
        rate: RatesSchema,
      }),
      learned: Type.Union(
        [
          Type.Object({
            limit: said('How many calls a window holds'),
            window_seconds: said('How long a window is'),
            remaining: said('How many calls were left'),
            resets_at: NullableTime('When the next window begins; null where it does not say.'),
            at: NullableTime('When it last said anything; null where it never did.'),
            rate: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
              description:
                'Calls a second, found out by what it refused; null where it refused nothing.',
            }),
          }),
          Type.Null(),
        ],
        {
          description:
            'What the system says of itself in its answers, and by its refusals; null where it does not.',
        },
      ),
    }),
    override: Type.Object(
      {
        concurrency: Type.Union([Count, Type.Null()]),
        rate: Type.Union([RatesSchema, Type.Null()]),
        paused: Type.Boolean(),
      },
      { description: 'What an operator has changed; null is as in the systems file.' },
    ),
    ready_mappings: Type.Integer({ minimum: 0, description: 'Those that could start now.' }),
    in_flight_mappings: Type.Integer({
      minimum: 0,
      description: 'Those that workers have in hand.',
    }),
    waiting_mappings: Type.Integer({
      minimum: 0,
      description:
        'Those that wait for another attempt, or for the time of their request; 10,000 batches and 1,000 requests are looked at, at most.',
    }),
    mappings_per_minute: Type.Integer({
      minimum: 0,
      description: 'How many were brought to an end in the last minute.',
    }),
    oldest_wait_seconds: Type.Union([Count, Type.Null()], {
      description:
        'How long ago the oldest that nobody has in hand was handed in; null where there is none.',
    }),
    last_error: Type.Union(
      [
        Type.Object({
          code: Type.String(),
          message: Type.String(),
          http_status: HttpStatusSchema,
          at: TimeSchema,
        }),
        Type.Null(),
      ],
      { description: 'How the last attempt ended that was no success; null where none is known.' },
    ),
  },
  {
    $id: 'System',
    description: 'How a system is called, and how it fares.',
    examples: [
      {
        name: 'crm',
        kind: 'http',
        gate: {
          state: 'throttled',
          until: '2026-01-31T09:30:30.000Z',
          reason: 'Answered 429 Too Many Requests.',
        },
        limits: {
          configured: {
            concurrency: 20,
            adaptive_from: null,
            rate: ['100/s'],
            burst: null,
            cost: { read: 1, write: 1 },
          },
          in_force: { concurrency: 10, rate: ['50/s'] },
          learned: null,
        },
        override: { concurrency: 10, rate: ['50/s'], paused: false },
        ready_mappings: 4000,
        in_flight_mappings: 10,
        waiting_mappings: 90,
        mappings_per_minute: 2950,
        oldest_wait_seconds: 81,
        last_error: {
          code: 'target_throttled',
          message: 'Answered 429 Too Many Requests.',
          http_status: 429,
          at: '2026-01-31T09:30:00.000Z',
        },
      },
    ],
  },
)

export type SystemView = Static<typeof SystemSchema>

/** A system as people see it at `now`. */
export function systemView(
  { kind, limits }: SystemDescription,
  stored: StoredSystem,
  now: EpochMs,
): SystemView {
  const { system: name, override, open, leased, waiting, oldest } = stored
  const reported = together(stored.reports, now)
  return {
    name,
    kind,
    gate: gateView(stored, now),
    limits: limitsView(limits, stored, reported),
    override: { ...override, rate: override.rate === null ? null : ratesView(override.rate) },
    ready_mappings: Math.max(0, open - leased - waiting),
    in_flight_mappings: leased,
    waiting_mappings: waiting,
    mappings_per_minute: reported.perMinute,
    oldest_wait_seconds: oldest === null ? null : Math.max(0, Math.floor((now - oldest) / 1000)),
    last_error: lastErrorView(reported),
  }
}

function limitsView(limits: Limits, { override }: StoredSystem, reported: Reported) {
  const now = inForce(limits, override)
  return {
    configured: {
      concurrency: limits.concurrency,
      adaptive_from: limits.adaptiveFrom ?? null,
      rate: ratesView(limits.rate),
      burst: limits.rate?.find(({ burst }) => burst !== undefined)?.burst ?? null,
      cost: limits.cost ?? { read: 1, write: 1 },
    },
    in_force: {
      concurrency: concurrencyInForce(now, reported),
      rate: ratesView(now.rate),
    },
    learned: learnedView(reported),
  }
}

/** Rates as people write them. */
export function ratesView(rates: readonly Rate[] | null): string[] {
  return (rates ?? []).map(formatRate)
}

function learnedView({ learned, learnedRate: rate }: Reported) {
  if (learned === null && rate === null) return null
  const { limit, window, remaining, resetsAt, at } = learned ?? NOTHING_SAID
  const window_seconds = window === null ? null : Math.round(window / 1000)
  const resets_at = nullableTimeOf(resetsAt)
  return { limit, window_seconds, remaining, resets_at, at: nullableTimeOf(at), rate }
}

const NOTHING_SAID = { limit: null, window: null, remaining: null, resetsAt: null, at: null }

function lastErrorView({ lastError }: Reported) {
  if (lastError === null) return null
  const { code, message, httpStatus, at } = lastError
  return { code, message, http_status: httpStatus, at: timeOf(at) }
}
