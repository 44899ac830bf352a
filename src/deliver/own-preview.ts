import type { JsonObject } from '../core/units.ts'
import { isJsonObject } from '../lib/json/object.ts'
import type { OwnPreview } from './define-kind.ts'
import type { Preview, Shown } from './kind.ts'
import { NOT_SHOWN } from './preview-guard.ts'

/** Shows calls as a kind does that somebody else wrote: whatever it gives is JSON, or it throws. */
export function ownPreview(own: OwnPreview): Preview {
  const { read, write } = own
  return {
    latency: null,
    read: read === undefined ? null : (call) => asJson(read.call(own, call)),
    write: (deliveries) =>
      deliveries.map(({ call, payload }) =>
        write === undefined ? NOT_SHOWN : asJson(write.call(own, call, payload)),
      ),
  }
}

function asJson(shown: JsonObject): Shown {
  const call: unknown = JSON.parse(JSON.stringify(shown))
  if (!isJsonObject(call)) throw new Error('it shows something that is no object')
  return { kind: 'call', call }
}
