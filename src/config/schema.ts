import Type from 'typebox'
import { duration } from './parse.ts'

/** A length of time; the bounds are written as people write them. */
export function Duration(min: string, max: string) {
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
