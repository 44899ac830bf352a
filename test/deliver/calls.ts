import type { Mapping } from '../../src/core/mapping.ts'
import type { Call } from '../../src/deliver/kind.ts'

export const MAPPING: Mapping = { id: 'map_001', source: 'crm', target: 'shop' }

/** A call for a mapping that is like `MAPPING` but for what is given. */
export function call(mapping: Partial<Mapping> = {}, signal = new AbortController().signal): Call {
  return {
    mapping: { ...MAPPING, ...mapping },
    request: 'request-1',
    idempotencyKey: 'request-1:0',
    signal,
  }
}
