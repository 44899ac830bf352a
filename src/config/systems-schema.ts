import Type, { type Static } from 'typebox'
import { MAPPING_LIMITS } from '../core/mapping.ts'
import { parseRate } from '../core/quantity.ts'
import { duration } from './parse.ts'

export const NAME_MAX = MAPPING_LIMITS.systemNameLengthMax

/** What a system may be called: anything without control characters. */
export const NAME = new RegExp(`^\\P{Cc}{1,${NAME_MAX}}$`, 'u')

/** The file as a whole; each entry is looked at on its own. */
export const SystemsFile = Type.Object({
  systems: Type.Record(Type.String(), Type.Unknown(), { minProperties: 1 }),
})

/** What every system may say, whatever its kind. */
export const CommonConfig = Type.Object({
  kind: Type.String(),
  concurrency: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
  rate: Type.Optional(Text((text) => parseRate(text) !== null, 'a rate such as 100/s or 5000/h')),
  timeout: Type.Optional(Duration('1ms', '10m')),
  retry: Type.Optional(
    Type.Object({
      attempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
      first: Type.Optional(Duration('0ms', '1d')),
      cap: Type.Optional(Duration('0ms', '1d')),
    }),
  ),
})
export type CommonConfig = Static<typeof CommonConfig>

function Duration(min: string, max: string) {
  const { parse, must } = duration(min, max)
  return Text((text) => parse(text) !== undefined, must)
}

/** A text of a certain form, with one sentence for whatever else is there, a number for example. */
function Text(isForm: (text: string) => boolean, must: string) {
  return Type.Refine(
    Type.Unsafe<string>({}),
    (value) => typeof value === 'string' && isForm(value),
    () => `must be ${must}`,
  )
}
