import type { Rate } from './limits.ts'
import { type CallLength, knownLength, type Outlook, type SystemWork } from './outlook.ts'
import { formatRate, grouped } from './quantity.ts'
import type { DurationMs } from './units.ts'

/** What takes most of the time. */
export const BOUNDS = ['rate', 'concurrency', 'backlog', 'gate', 'not_before'] as const

/** How long the mappings of one lane would take. */
export interface Forecast {
  /** Null where nobody can tell. */
  readonly duration: DurationMs | null
  readonly boundedBy: (typeof BOUNDS)[number]
  /** Some sentences for a person. */
  readonly because: string
}

/**
 * How long the mappings of one lane would take: as long as the slowest of the systems that they are
 * read from or written to, and a call to each of the others. While they wait for their time, gates open
 * and what goes before is carried out.
 *
 * @param wait how long nothing of it may start
 */
export function forecastOf(outlooks: readonly [Outlook, ...Outlook[]], wait: DurationMs): Forecast {
  const shut = outlooks.find(({ closed }) => closed === null)
  if (shut !== undefined) {
    return { duration: null, boundedBy: 'gate', because: onShutGate(shut.work) }
  }
  const slowest = outlooks.reduce((a, b) => (lengthOf(b, wait) > lengthOf(a, wait) ? b : a))
  const others = outlooks.filter((outlook) => outlook !== slowest)
  const beside = others.reduce((sum, { work }) => sum + knownLength(work.call), 0)
  return {
    duration: lengthOf(slowest, wait) + beside,
    boundedBy: boundOf(slowest, wait),
    because: sentencesOn(slowest, wait),
  }
}

function lengthOf({ closed, before, own }: Outlook, wait: DurationMs): DurationMs {
  return Math.max((closed ?? 0) + before, wait) + own
}

function boundOf({ closed, before, own, pace }: Outlook, wait: DurationMs): Forecast['boundedBy'] {
  const isWaitLonger = wait > (closed ?? 0) + before
  const longest = isWaitLonger ? Math.max(wait, own) : Math.max(closed ?? 0, before, own)
  if (longest === own) return pace.kind
  if (isWaitLonger) return 'not_before'
  return longest === before ? 'backlog' : 'gate'
}

function onShutGate({ system, gate, paused }: SystemWork): string {
  return paused || gate === null
    ? `An operator has paused ${system}; nobody can tell until when.`
    : `${system} is ${gate.state}, and nobody can tell until when: ${gate.reason}`
}

function sentencesOn({ work, pace, closed }: Outlook, wait: DurationMs): string {
  const { system, gate, before } = work
  return [
    ...(wait === 0
      ? []
      : [`Nothing of it starts before its time, which comes in ${inWords(wait)}.`]),
    ...(closed === 0 ? [] : [`${system} is left alone at first: ${gate?.reason}`]),
    pace.kind === 'rate' ? onRate(work, pace.rate, pace.isLearned) : onConcurrency(work),
    ...(before === 0 ? [] : [`Of what is open there, about ${grouped(before)} go before.`]),
  ].join(' ')
}

function onRate({ system, limits, call }: SystemWork, rate: Rate, isLearned: boolean): string {
  const pace = isLearned
    ? `${system} has been found to take ${grouped(rate.count)} calls a second.`
    : `${system} may be called ${formatRate(rate)}.`
  if (call.known !== 'timeout') return pace
  const longest = inWords((limits.concurrency * rate.per) / rate.count)
  return `${pace} How long a call takes is not known yet; with more than ${longest} each it takes longer.`
}

function onConcurrency({ system, limits: { concurrency }, call }: SystemWork): string {
  const calls = concurrency === 1 ? 'one call at a time' : `${grouped(concurrency)} calls at once`
  return `${system} takes ${calls}${onLength(call)}`
}

function onLength({ duration, known }: CallLength): string {
  const length = inWords(duration)
  switch (known) {
    case 'measured':
      return `, and one has taken about ${length} of late.`
    case 'configured':
      return `, and one takes ${length}.`
    case 'timeout':
      return `. How long one takes is not known yet, so each counts as its timeout of ${length}; most likely it is done much sooner.`
  }
}

const SECOND = { name: 's', length: 1000 } as const

/** From the longest on; each counts from two of it on. */
const UNITS = [
  { name: 'days', length: 86_400_000 },
  { name: 'h', length: 3_600_000 },
  { name: 'min', length: 60_000 },
] as const

function inWords(duration: DurationMs): string {
  if (duration < 1000) return `${Math.round(duration)} ms`
  const { name, length } = UNITS.find((unit) => duration >= 2 * unit.length) ?? SECOND
  return `${grouped(Math.round((10 * duration) / length) / 10)} ${name}`
}
