import type { Mapping } from '../../src/core/mapping.ts'
import type { Call } from '../../src/deliver/kind.ts'

export const MAPPING: Mapping = { id: 'map_001', source: 'crm', target: 'shop' }

export const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

/** A call for a mapping that is like `MAPPING` but for what is given. */
export function call(mapping: Partial<Mapping> = {}, signal = new AbortController().signal): Call {
  return {
    mapping: { ...MAPPING, ...mapping },
    request: 'request-1',
    idempotencyKey: 'request-1:0',
    traceparent: TRACEPARENT,
    signal,
  }
}
