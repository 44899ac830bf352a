import { rankStep } from '../../core/rank.ts'
import type { NewBatch, NewRequest } from '../store.ts'

/** What one lane gets of one request. */
export interface Part {
  readonly request: NewRequest
  /** Where the request stands in its group, from 1. */
  readonly place: number
  readonly lane: string
  readonly batches: readonly NewBatch[]
  /** It has a time: until that has come its places are counted in mappings of the request. */
  readonly isEarly: boolean
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
  const isEarly = request.terms.notBefore !== null
  return [...lanes].map(([lane, batches]) => ({
    request,
    place: index + 1,
    lane,
    batches,
    isEarly,
  }))
}

/** Gives every batch its rank, as if the requests came one after another. */
export function placeAll(parts: readonly Part[], flows: readonly Flow[]): readonly Placed[] {
  const joined = new Map<string, number>()
  return parts.flatMap((part, index) => {
    if (part.isEarly) return placePart(part, 0, (mappings) => mappings)
    const { tenant, priority } = part.request
    const flow = JSON.stringify([part.lane, tenant, priority])
    const before = joined.get(flow) ?? 0
    joined.set(flow, before + 1)
    const { start, requests } = flows[index] ?? { start: 0, requests: 0 }
    return placePart(part, start, (mappings) => rankStep(mappings, requests + before, priority))
  })
}

function placePart(
  part: Part,
  begin: number,
  step: (mappings: number) => number,
): readonly Placed[] {
  let rank = begin
  return part.batches.map((batch) => {
    const start = rank
    rank += step(batch.ordinals.count)
    return { part, batch, start, rank }
  })
}
