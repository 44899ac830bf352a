import type { Priority } from '../../core/mapping.ts'
import { rankStep } from '../../core/rank.ts'
import type { NewBatch, NewRequest } from '../store.ts'

/** What one lane gets of one request. */
export interface Part {
  readonly request: NewRequest
  /** Where the request stands in its group, from 1. */
  readonly place: number
  readonly lane: string
  readonly batches: readonly NewBatch[]
}

/** What fair ranks are made from. */
export interface Flow {
  /** The lane's virtual time: where the most urgent batch in hand, or else in the queue, starts. */
  readonly start: number
  /** How many requests of the tenant and the priority are open in the lane. */
  readonly requests: number
}

/** A batch with its rank. */
export interface Placed {
  readonly part: Part
  readonly batch: NewBatch
  readonly start: number
  readonly rank: number
}

/** The request's batches by lane; `index` is its place in the group, from 0. */
export function partsOf(request: NewRequest, index: number): readonly Part[] {
  const lanes = Map.groupBy(request.batches, ({ lane }) => lane)
  return [...lanes].map(([lane, batches]) => ({ request, place: index + 1, lane, batches }))
}

/** Gives every batch its rank, as if the requests came one after another. */
export function placeAll(parts: readonly Part[], flows: readonly Flow[]): readonly Placed[] {
  const joined = new Map<string, number>()
  return parts.flatMap((part, index) => {
    const { tenant, priority } = part.request
    const flow = JSON.stringify([part.lane, tenant, priority])
    const before = joined.get(flow) ?? 0
    joined.set(flow, before + 1)
    const { start, requests } = flows[index] ?? { start: 0, requests: 0 }
    return placePart(part, start, requests + before, priority)
  })
}

function placePart(
  part: Part,
  virtualTime: number,
  others: number,
  priority: Priority,
): readonly Placed[] {
  let rank = virtualTime
  return part.batches.map((batch) => {
    const start = rank
    rank += rankStep(batch.ordinals.count, others, priority)
    return { part, batch, start, rank }
  })
}
