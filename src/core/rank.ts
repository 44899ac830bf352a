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

/** What is open in one lane at one priority: of one tenant, or of all others together. */
export interface Flow {
  /** Of the tenant that asks. */
  readonly own: boolean
  readonly priority: Priority
  /** How many tenants have a part in it. */
  readonly tenants: number
  readonly requests: number
  readonly mappings: number
}

/**
 * About how many mappings that are open in a lane would go before the last one of a new request. While
 * it runs, every tenant gets its weight's part at each priority where it has work, and the request as
 * much as each other one of its own tenant and priority; the picks that go to the oldest come on top.
 */
export function mappingsBefore(
  mappings: number,
  priority: Priority,
  flows: readonly Flow[],
): number {
  const isOwn = (flow: Flow) => flow.own && flow.priority === priority
  const beside = flows.find(isOwn)?.requests ?? 0
  const length = rankStep(mappings, beside, priority)
  let [open, before] = [0, 0]
  for (const flow of flows) {
    const part = isOwn(flow) ? mappings * beside : flow.tenants * WEIGHTS[flow.priority] * length
    open += flow.mappings
    before += Math.min(flow.mappings, part)
  }
  const picks = ((mappings + before) * OLDEST_EVERY) / (OLDEST_EVERY - 1)
  return Math.min(open, Math.round(picks - mappings))
}
