/** Moments as the API writes them. */
import Type from 'typebox'
import type { EpochMs } from '../core/units.ts'

export const TimeSchema = Type.String({
  format: 'date-time',
  examples: ['2026-01-31T09:30:00.000Z'],
})

/** A moment that may not have come yet. The description says what null means. */
export function NullableTime(description: string) {
  return Type.Union([TimeSchema, Type.Null()], { description })
}

/** A moment as the API writes it: RFC 3339 in UTC, with milliseconds. */
export function timeOf(moment: EpochMs): string {
  return new Date(moment).toISOString()
}

/** The same for a moment that may not have come yet. */
export function nullableTimeOf(moment: EpochMs | null): string | null {
  return moment === null ? null : timeOf(moment)
}
