import Type, { type Static } from 'typebox'
import { BulkConfig } from '../many.ts'

const FORMATS = ['ndjson', 'csv'] as const
export type Format = (typeof FORMATS)[number]

const Path = Type.Refine(
  Type.Unsafe<string>({}),
  (text) => typeof text === 'string' && isWithin(text),
  () => 'must be a path within the directory, with neither . nor .. as a step',
)

const Directory = Type.Refine(
  Type.Unsafe<string>({}),
  (text) => typeof text === 'string' && /^\/[^\0]{1,4095}$/.test(text),
  () => 'must be the whole path of a directory, from its first slash on',
)

const Column = Type.String({ minLength: 1, maxLength: 256 })

/** What the systems file may say of a system of files. */
export const config = Type.Object({
  /** Nothing outside it is touched, whatever links may lead out of it. */
  directory: Directory,
  read: Type.Optional(
    Type.Object({
      format: Type.Enum(FORMATS),
      path: Path,
      /** The field, or the column, that is equal to the mapping's id. */
      key: Column,
    }),
  ),
  write: Type.Optional(
    Type.Union([
      Type.Object({ format: Type.Literal('ndjson'), path: Path }),
      Type.Object({
        format: Type.Literal('csv'),
        path: Path,
        /** In their order, each from the payload's field of its name. */
        columns: Type.Array(Column, { minItems: 1, maxItems: 500, uniqueItems: true }),
      }),
    ]),
  ),
  bulk: Type.Optional(BulkConfig),
})

export type FileConfig = Static<typeof config>

function isWithin(path: string): boolean {
  return (
    path.length <= 1024 &&
    !/[\p{Cc}\\]/u.test(path) &&
    path.split('/').every((step) => step !== '' && step !== '.' && step !== '..')
  )
}
