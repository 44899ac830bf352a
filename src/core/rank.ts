/**
 * Fair rank: within a lane, batches go in order of rank, lowest first. It is start-time fair
 * queueing (Goyal, Vin, Cheng 1996) over requests instead of packets; docs/adr/0003 tells what was
 * changed and why.
 */
import type { Priority } from './mapping.ts'

/** When all three compete for a lane, HIGH gets 16 parts of 21. */
export const WEIGHTS: Readonly<Record<Priority, number>> = { HIGH: 16, MEDIUM: 4, LOW: 1 }

/**
 * How far a batch of `mappings` moves its request on in rank. A request pays for its size, cheaply
 * where its priority is high, and as many times over as its tenant has requests of that priority
 * open in the lane: so a small request overtakes a large one, and a thousand requests of one tenant
 * share one tenant's part.
 *
 * @param openRequests requests of the same tenant and priority open in the lane, this one left out
 */
export function rankStep(mappings: number, openRequests: number, priority: Priority): number {
  return (mappings * (1 + openRequests)) / WEIGHTS[priority]
}

/** Of so many picks of a lane, one goes to its oldest batch. */
export const OLDEST_EVERY = 8

/** Whether the `turn`-th pick of a lane goes to its oldest batch, whatever its rank: nobody starves. */
export function takesOldest(turn: number): boolean {
  return turn % OLDEST_EVERY === OLDEST_EVERY - 1
}

/** How many of the picks from the `turn`-th on go to the oldest. */
export function oldestTurns(turn: number, picks: number): number {
  return Math.floor((turn + picks) / OLDEST_EVERY) - Math.floor(turn / OLDEST_EVERY)
}

/** Where a new request would stand among what is open in a lane. */
export interface Queue {
  /** Where its ranks would begin, and that of its last batch. */
  readonly start: number
  readonly end: number
  /** How many mappings that are open have a rank below … */
  readonly before: number
  /** … this: the end, unless there are so many that they were not all counted. */
  readonly counted: number
  /** How many mappings are open in all. */
  readonly open: number
}

/** About how many of the mappings that are open would go before the last one of a new request. */
export function mappingsBefore({ start, end, before, counted, open }: Queue): number {
  if (counted >= end) return before
  // What was not counted is taken to lie as close as what was.
  return Math.min(open, Math.round((before * (end - start)) / (counted - start)))
}
