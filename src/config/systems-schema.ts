import Type, { type Static } from 'typebox'
import { parseStatuses } from '../core/answers.ts'
import { MAPPING_LIMITS } from '../core/mapping.ts'
import { limitProperties } from './limits.ts'
import { Duration } from './schema.ts'

export const NAME_MAX = MAPPING_LIMITS.systemNameLengthMax

/** Of what a system's name may be made: no control characters, and not of spaces alone. */
export const NAME = new RegExp(`^(?=.*\\S)\\P{Cc}{1,${NAME_MAX}}$`, 'u')

/** The file as a whole; each entry is looked at on its own. */
export const SystemsFile = Type.Object({
  systems: Type.Record(Type.String(), Type.Unknown(), { minProperties: 1 }),
})

/** What every system may say, whatever its kind. */
export const CommonConfig = Type.Object({
  kind: Type.String(),
  ...limitProperties,
  timeout: Type.Optional(Duration('1ms', '10m')),
  retry: Type.Optional(
    Type.Object({
      attempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
      first: Type.Optional(Duration('0ms', '1d')),
      cap: Type.Optional(Duration('0ms', '1d')),
    }),
  ),
  fail_on: Type.Optional(Statuses()),
  hold_on: Type.Optional(Statuses()),
  retry_on: Type.Optional(Statuses()),
})
export type CommonConfig = Static<typeof CommonConfig>

function Statuses() {
  return Type.Refine(
    Type.Unsafe<readonly unknown[]>({}),
    (value) => parseStatuses(value) !== null,
    () => 'must be a list of HTTP statuses, such as [404, 500-599]',
  )
}
