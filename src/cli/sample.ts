import type { IngestRequest, Mapping } from '../client/index.ts'

/** What a shop might have to move: from where, to where, and as what. */
const MOVES = [
  { noun: 'customer', source: 'shop', target: 'crm', transformation: { list: 'newsletter' } },
  { noun: 'order', source: 'shop', target: 'billing', transformation: { currency: 'EUR' } },
  { noun: 'product', source: 'catalogue', target: 'search', transformation: { language: 'en' } },
  {
    noun: 'parcel',
    source: 'warehouse',
    target: 'carrier',
    transformation: { service: 'standard' },
  },
] as const

/** A request of `total` mappings between invented systems, for the demonstration. */
export function sampleRequest(total: number): IngestRequest {
  return {
    mappings: Array.from({ length: total }, (_, index) => sampleMapping(index)),
    priority: 'HIGH',
    metadata: { purpose: 'demo' },
  }
}

function sampleMapping(index: number): Mapping {
  const move = MOVES[index % MOVES.length] ?? MOVES[0]
  const { noun, ...rest } = move
  return { id: `${noun}-${1001 + Math.floor(index / MOVES.length)}`, ...rest }
}
