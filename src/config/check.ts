import Type, { type TObject, type TSchema } from 'typebox'
import Value from 'typebox/value'
import { didYouMean } from '../lib/closest.ts'
import { stepsOf } from '../lib/json/pointer.ts'

/** Something wrong with a value, and where in it. No message holds a value. */
export interface Fault {
  readonly path: readonly string[]
  readonly message: string
}

/**
 * Everything that keeps `value` from being what `schema` says, in words for whoever wrote it.
 * An object may hold only what its schema names; a union of objects is told apart by the constant
 * that each of them holds.
 */
export function faults(schema: TSchema, value: unknown, path: readonly string[] = []): Fault[] {
  if (Type.IsUnion(schema)) return faultsOfVariant(schema.anyOf, value, path)
  if (Type.IsObject(schema)) return faultsOfObject(schema, value, path)
  return faultsOfWhole(schema, value, path)
}

function faultsOfWhole(schema: TSchema, value: unknown, path: readonly string[]): Fault[] {
  return Value.Errors(schema, value).map((error) => ({
    path: [...path, ...stepsOf(error.instancePath)],
    message:
      error.keyword === 'enum'
        ? `must be one of ${error.params.allowedValues.join(', ')}`
        : error.message,
  }))
}

function faultsOfObject(schema: TObject, value: unknown, path: readonly string[]): Fault[] {
  if (!isRecord(value)) return [{ path, message: 'must be a map of names and values' }]
  const known = Object.keys(schema.properties)
  const unknown = Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => ({ path: [...path, key], message: `is not known${didYouMean(key, known)}` }))
  const missing = (schema.required ?? [])
    .filter((key) => !Object.hasOwn(value, key))
    .map((key) => ({ path, message: `needs "${key}"` }))
  const wrong = Object.entries(schema.properties)
    .filter(([key]) => Object.hasOwn(value, key))
    .flatMap(([key, property]) => faults(property, value[key], [...path, key]))
  const found = [...unknown, ...missing, ...wrong]
  // What only holds of the parts together is worth saying when each of them is right.
  return found.length === 0 ? faultsOfWhole(schema, value, path) : found
}

function faultsOfVariant(
  variants: readonly TSchema[],
  value: unknown,
  path: readonly string[],
): Fault[] {
  if (!isRecord(value)) return [{ path, message: 'must be a map of names and values' }]
  const tags = variants.filter(Type.IsObject).map(tagOf)
  const chosen = tags.find(({ key, constant }) => value[key] === constant)
  if (chosen !== undefined) return faults(chosen.variant, value, path)
  const [{ key } = { key: 'type' }] = tags
  const names = tags.map(({ constant }) => constant).join(', ')
  return [{ path: [...path, key], message: `must be one of ${names}` }]
}

function tagOf(variant: TObject) {
  const tag = Object.entries(variant.properties).find(([, property]) => Type.IsLiteral(property))
  const [key, literal] = tag ?? []
  return { variant, key: key ?? '', constant: Type.IsLiteral(literal) ? literal.const : '' }
}

/** A map with names for keys, as opposed to a list, a text, a number or nothing. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
