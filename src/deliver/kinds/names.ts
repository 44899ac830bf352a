import Type from 'typebox'
import { isTemplate, PLACEHOLDERS } from './template.ts'

/** A name that may hold placeholders, of at most `lengthMax` characters before they are filled in. */
export function NameConfig(lengthMax: number) {
  return Type.Refine(
    Type.Unsafe<string>({}),
    (text) =>
      typeof text === 'string' &&
      text !== '' &&
      text.length <= lengthMax &&
      !/\p{Cc}/u.test(text) &&
      isTemplate(text),
    () => `must have 1 to ${lengthMax} characters, and ${PLACEHOLDERS}`,
  )
}

/** What is put into a name needs no escaping: nothing follows from its characters. */
export function asItIs(value: string): string {
  return value
}
