/** For kinds that hand over many payloads as easily as one: one is many of one. */
import Type, { type Static } from 'typebox'
import type { Bulk, Connection } from '../kind.ts'

/** No call holds more payloads than this, whatever the kind. */
export const BULK_MAX = 1000

/** How many payloads one call may hold; 1 hands them over one by one. */
export const BulkConfig = Type.Object({ max: Type.Integer({ minimum: 1, maximum: BULK_MAX }) })

/** Where the systems file does not say. */
const BULK_MAX_DEFAULT = 100

/** Both ways of writing, made of one. */
export function writing(
  config: Static<typeof BulkConfig> | undefined,
  writeMany: Bulk['writeMany'],
): Pick<Connection, 'write' | 'bulk'> {
  const max = config?.max ?? BULK_MAX_DEFAULT
  return {
    async write(call, payload) {
      const [answer] = await writeMany([{ call, payload }], call.signal)
      if (answer === undefined) throw new Error('there is one answer for each delivery')
      return answer
    },
    bulk: max === 1 ? null : { max, writeMany },
  }
}
