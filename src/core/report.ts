import type { Limits } from './limits.ts'
import type { Quota } from './quota.ts'
import type { DurationMs, EpochMs } from './units.ts'
import type { MappingError } from './verdict.ts'

/** What one worker tells of its dealings with one system. */
export interface SystemReport {
  readonly at: EpochMs
  /** How many calls it may have under way at once: its share, or what it found out. */
  readonly concurrency: number
  /** How many mappings for this target it brought to an end in the minute before. */
  readonly perMinute: number
  readonly learned: (Quota & { readonly at: EpochMs }) | null
  /** How many calls a second the system's refusals have taught it to make; null for none. */
  readonly learnedRate: number | null
  /** How long a call to it takes; null where none has ended. Reports of older versions lack it. */
  readonly callLength?: DurationMs | null
  readonly lastError: (MappingError & { readonly at: EpochMs }) | null
}

/** What all workers together tell; null where none says anything. */
export interface Reported {
  readonly concurrency: number | null
  readonly perMinute: number
  readonly learned: SystemReport['learned']
  readonly learnedRate: number | null
  readonly callLength: DurationMs | null
  readonly lastError: SystemReport['lastError']
}

/** A worker counts what it did for so long. */
export const REPORTED_MS: DurationMs = 60_000

/** Puts the reports of all workers together. What is old says nothing of the last minute. */
export function together(reports: readonly SystemReport[], now: EpochMs): Reported {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  const fresh = reports.filter(({ at }) => at > now - REPORTED_MS)
  const rates = fresh.map(({ learnedRate }) => learnedRate).filter((rate) => rate !== null)
  return {
    concurrency: reports.length === 0 ? null : sum(reports.map((report) => report.concurrency)),
    perMinute: sum(fresh.map(({ perMinute }) => perMinute)),
    learned: latest(reports.map(({ learned }) => learned)),
    learnedRate: rates.length === 0 ? null : sum(rates),
    callLength: latest(reports.filter(tellsLength))?.callLength ?? null,
    lastError: latest(reports.map(({ lastError }) => lastError)),
  }
}

/** How many calls may be under way at once: where that is found out by trial, as far as it is. */
export function concurrencyInForce(
  { concurrency, adaptiveFrom }: Limits,
  reported: Reported,
): number {
  return adaptiveFrom === undefined ? concurrency : (reported.concurrency ?? adaptiveFrom)
}

function tellsLength({ callLength }: SystemReport): boolean {
  return callLength !== undefined && callLength !== null
}

function latest<T extends { readonly at: EpochMs }>(all: readonly (T | null)[]): T | null {
  return all.reduce((last, each) => ((each?.at ?? -1) > (last?.at ?? -1) ? each : last), null)
}
