import type { TLocalizedValidationError } from 'typebox/error'
import { type JsonPath, stepsOf } from '../lib/json/pointer.ts'
import type { ProblemCode } from './problem.ts'

/** A fault that a schema found, in this project's words. */
export interface Fault {
  readonly code: ProblemCode
  readonly path: JsonPath
  readonly detail: string
}

/** What a schema's errors say, one fault for each thing to mend; `at` is where its value lies. */
export function explain(errors: readonly TLocalizedValidationError[], at: JsonPath): Fault[] {
  const placesOf = (sought: string) =>
    new Set(
      errors.filter(({ keyword }) => keyword === sought).map(({ instancePath }) => instancePath),
    )
  const wronglyTyped = placesOf('type')
  const tooShort = placesOf('minLength')
  return errors.flatMap((error) => {
    const path = [...at, ...stepsOf(error.instancePath)]
    if (error.keyword === 'required') {
      return error.params.requiredProperties.map((name) => ({
        code: 'required' as const,
        path: [...path, name],
        detail: 'This is required.',
      }))
    }
    if (error.keyword !== 'type' && wronglyTyped.has(error.instancePath)) return []
    // The same unknown properties and names once more, as a list.
    if (error.keyword === 'additionalProperties' || error.keyword === 'propertyNames') return []
    // What is empty holds nothing visible either.
    if (error.keyword === 'pattern' && tooShort.has(error.instancePath)) return []
    return [{ ...sentence(error), path }]
  })
}

function sentence(error: TLocalizedValidationError): Omit<Fault, 'path'> {
  switch (error.keyword) {
    case 'boolean':
      return {
        code: 'unknown_property',
        detail: 'There is no property of this name; leave it out.',
      }
    case 'type':
      return { code: 'invalid_type', detail: `This must be of type ${error.params.type}.` }
    case 'enum':
      return invalid(`This must be one of ${error.params.allowedValues.join(', ')}.`)
    case 'minLength':
      return invalid(`This must have at least ${error.params.limit} character.`)
    case 'maxLength':
      return invalid(`This must have at most ${error.params.limit} characters.`)
    case 'minItems':
      return invalid(`This must have at least ${error.params.limit} element.`)
    case 'maxProperties':
      return invalid(`This must have at most ${error.params.limit} keys.`)
    case 'minimum':
      return invalid(`This must be at least ${error.params.limit}.`)
    case 'maximum':
      return invalid(`This must be at most ${error.params.limit}.`)
    case 'format':
      return invalid(FORMATS[error.params.format] ?? 'This is not in the form that it must have.')
    case 'pattern':
      return invalid('This must hold a visible character.')
    default:
      return invalid(`This is not valid: it ${error.message}.`)
  }
}

/** What a text must be, by the format that its schema asks for. */
const FORMATS: Readonly<Record<string, string>> = {
  'date-time': 'This must be a moment such as 2026-01-31T09:30:00Z, with its offset from UTC.',
  uuid: 'This must be the id of a request, as its receipt gave it.',
}

function invalid(detail: string): Omit<Fault, 'path'> {
  return { code: 'invalid_value', detail }
}
