/** How people write lengths of time, sizes, rates and large numbers. */
import { LIMIT_BOUNDS, type Rate } from './limits.ts'
import type { DurationMs } from './units.ts'

const DURATION = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

const SIZE = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
} as const

/** `500ms`, `10s`, `5m`, `1h`, `30d`: a whole number and its unit. Null for anything else. */
export function parseDuration(text: string): DurationMs | null {
  return scaled(text, /^(\d{1,9})(ms|s|m|h|d)$/, DURATION)
}

const ISO_DURATION =
  /^P(?=.)(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?=.)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,3})?)S)?)?$/

/**
 * `PT2H`, `P1DT12H`, `PT0.5S`, `P2W` (ISO 8601). Null for anything else: years and months, whose length
 * nobody knows before it is known which, among them.
 */
export function parseIsoDuration(text: string): DurationMs | null {
  const parts = ISO_DURATION.exec(text)
  if (parts === null) return null
  const [, weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = parts
  const { d, h, m, s } = DURATION
  return (
    (7 * Number(weeks) + Number(days)) * d +
    Number(hours) * h +
    Number(minutes) * m +
    Math.round(Number(seconds) * s)
  )
}

/**
 * Bytes: `64MB` counts in thousands, `64MiB` in 1024s, as the standards have it (IEC 80000-13).
 * Null for anything else.
 */
export function parseSize(text: string): number | null {
  return scaled(text, /^(\d{1,9})(B|[KMG]B|[KMG]iB)$/, SIZE)
}

/** `100/s`, `10/m`, `5000/h`, `100000/d`: at least one. Null for anything else. */
export function parseRate(text: string): Rate | null {
  const [, count, unit] = /^(\d{1,9})\/(s|m|h|d)$/.exec(text) ?? []
  const per = parseDuration(`1${unit}`)
  return per === null || Number(count) < 1 ? null : { count: Number(count), per }
}

/** One rate, or a list of them that must all hold; null for anything else. */
export function parseRates(value: unknown): readonly Rate[] | null {
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (texts.length < 1 || texts.length > LIMIT_BOUNDS.windows) return null
  const rates = texts.flatMap((text) => (typeof text === 'string' ? (parseRate(text) ?? []) : []))
  return rates.length === texts.length ? rates : null
}

/** A rate as people write it. */
export function formatRate({ count, per }: Rate): string {
  const [unit] = Object.entries(DURATION).find(([, length]) => length === per) ?? ['s']
  return `${count}/${unit}`
}

function scaled(text: string, form: RegExp, units: Readonly<Record<string, number>>) {
  const [, count, unit] = form.exec(text) ?? []
  const scale = unit === undefined ? undefined : units[unit]
  return scale === undefined ? null : Number(count) * scale
}

/**
 * A number as people read it: `12,345`, `12,345.6`; at most three digits after the point. By hand, for
 * whatever first asks `Intl` takes a dozen milliseconds and 9 MB.
 */
export function grouped(number: number | string): string {
  return String(number).replaceAll(/\B(?=(?:\d{3})+(?!\d))/g, ',')
}
