/**
 * What must have held, said of what was seen, as pure functions: each gives every breach as a
 * sentence. `checks.test.ts` shows that each of them bites.
 */
import type { DurationMs } from '../../../src/core/units.ts'

/** One call as its target saw it. Times are of the clock of the test. */
export interface SeenCall {
  readonly system: string
  /** The process that made it. */
  readonly node: string
  /** The id of the mapping, which no other mapping of the run has. */
  readonly mapping: string
  readonly key: string
  readonly began: number
  /** When it was answered, or its connection was gone; infinite while neither has happened. */
  ended: number
  /** Whether the target did what it was asked to, and whether it said so. */
  answer: 'taken' | 'taken without a word' | 'refused' | 'none'
}

/** A time in which a process, or the database, was not itself. */
export interface Trouble {
  readonly victim: string
  readonly from: number
  readonly until: number
}

/** One lease as the database had it at one moment. */
export interface SeenLease {
  readonly batch: number
  readonly token: number
  readonly worker: string
  /** Its worker is on the list of workers. */
  readonly isKnown: boolean
}

/** At no moment may a system have more calls under way than it allows. */
export function tooManyAtOnce(calls: readonly SeenCall[], limit: number): readonly string[] {
  const changes = calls.flatMap(({ began, ended }) => [
    { at: began, by: 1 },
    { at: ended, by: -1 },
  ])
  // What ends makes room for what begins at the same moment.
  changes.sort((a, b) => a.at - b.at || a.by - b.by)
  let underWay = 0
  let most = 0
  for (const { by } of changes) {
    underWay += by
    most = Math.max(most, underWay)
  }
  return most <= limit ? [] : [`${calls[0]?.system} had ${most} calls at once, not ${limit}`]
}

/** In no second, whenever it begins, may a system see more calls than `limit`. */
export function tooManyASecond(calls: readonly SeenCall[], limit: number): readonly string[] {
  const moments = calls.map(({ began }) => began).sort((a, b) => a - b)
  let first = 0
  let most = 0
  for (const [last, moment] of moments.entries()) {
    while ((moments[first] ?? moment) <= moment - 1000) first += 1
    most = Math.max(most, last - first + 1)
  }
  return most <= limit ? [] : [`${calls[0]?.system} had ${most} calls in a second, not ${limit}`]
}

/** A mapping has one key, whoever delivers it and how often; and a key has one mapping. */
export function strayKeys(calls: readonly SeenCall[]): readonly string[] {
  const breaches: string[] = []
  const keys = new Map<string, string>()
  const mappings = new Map<string, string>()
  for (const { mapping, key } of calls) {
    const [before, other] = [keys.get(mapping) ?? key, mappings.get(key) ?? mapping]
    if (before !== key) breaches.push(`${mapping} came with the keys ${before} and ${key}`)
    if (other !== mapping) breaches.push(`${key} came with ${other} and with ${mapping}`)
    keys.set(mapping, key)
    mappings.set(key, mapping)
  }
  return breaches
}

/** Nobody starts on a mapping that another has under way: two would have a lease on its batch. */
export function doubleDeliveries(calls: readonly SeenCall[]): readonly string[] {
  const breaches: string[] = []
  for (const [key, same] of Map.groupBy(calls, (call) => call.key)) {
    const inOrder = same.toSorted((a, b) => a.began - b.began)
    for (const [index, { ended, node }] of inOrder.entries()) {
      const next = inOrder[index + 1]
      if (next !== undefined && next.began < ended) {
        breaches.push(`${key} was under way at ${node} when ${next.node} began`)
      }
    }
  }
  return breaches
}

/** What a target has taken, and said so, comes again only after something went wrong. */
export function needlessRepeats(
  calls: readonly SeenCall[],
  troubles: readonly Trouble[],
): readonly string[] {
  const breaches: string[] = []
  for (const [key, same] of Map.groupBy(calls, (call) => call.key)) {
    const taken = same.find(({ answer }) => answer === 'taken')
    if (taken === undefined) continue
    for (const repeat of same) {
      if (repeat.began <= taken.began) continue
      const isExplained = troubles.some(
        ({ from, until }) => from <= repeat.began && until >= taken.began,
      )
      if (!isExplained) breaches.push(`${key} was taken from ${taken.node}, and came again`)
    }
  }
  return breaches
}

/** A lease has one holder, who is a worker; and the next one has a higher token. */
export function leaseBreaches(samples: readonly (readonly SeenLease[])[]): readonly string[] {
  const breaches: string[] = []
  const last = new Map<number, SeenLease>()
  for (const lease of samples.flat()) {
    const { batch, token, worker, isKnown } = lease
    const before = last.get(batch)
    if (!isKnown) breaches.push(`batch ${batch} is leased to ${worker}, who is no worker`)
    if (before !== undefined && token < before.token) {
      breaches.push(`batch ${batch} has token ${token} after ${before.token}`)
    }
    if (before?.token === token && before.worker !== worker) {
      breaches.push(`token ${token} of batch ${batch} is ${before.worker}'s and ${worker}'s`)
    }
    last.set(batch, lease)
  }
  return breaches
}

/**
 * The calls, without those that were let go just as their process was stopped for so long that it was
 * given up: they go out when it goes on. No check before a call can prevent that.
 */
export function withoutLastBreaths(
  calls: readonly SeenCall[],
  stops: readonly Trouble[],
  { givenUpAfter, within }: { givenUpAfter: DurationMs; within: DurationMs },
): readonly SeenCall[] {
  const long = stops.filter(({ from, until }) => until - from > givenUpAfter)
  return calls.filter(
    ({ node, began }) =>
      !long.some(
        ({ victim, until }) => victim === node && began >= until && began < until + within,
      ),
  )
}
