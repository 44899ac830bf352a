import Type, { type Static } from 'typebox'
import { AllowPrivate } from '../../connect/guard.ts'
import { BulkConfig } from '../many.ts'

/** Without what MongoDB gives a meaning of its own. */
const Name = named(/^[^$.\p{Cc}/\\ "]{1,63}$/u, 'must be a name without dots, $, spaces or slashes')

const CollectionName = named(
  /^[^$.\p{Cc}][^$\p{Cc}]{0,119}$/u,
  'must be the name of a collection, without $ and not beginning with a dot',
)

function named(form: RegExp, must: string) {
  return Type.Refine(
    Type.Unsafe<string>({}),
    (text) => typeof text === 'string' && form.test(text),
    () => must,
  )
}

/** What the systems file may say of a MongoDB database. */
export const config = Type.Object({
  /** A connection string: `mongodb://user:password@host/?authSource=admin`, `mongodb+srv://…`. */
  url: Type.Refine(
    Type.Unsafe<string>({}),
    (text) => typeof text === 'string' && /^mongodb(\+srv)?:\/\/[!-~]+$/.test(text),
    () => 'must be a connection string that begins with mongodb:// or mongodb+srv://',
  ),
  database: Name,
  collection: CollectionName,
  /** The field by which a document is known. It should have a unique index, as `_id` has. */
  key: Type.Optional(Name),
  bulk: Type.Optional(BulkConfig),
  allow_private: Type.Optional(AllowPrivate),
})

export type MongodbConfig = Static<typeof config>
