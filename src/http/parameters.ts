import type { FastifySchemaCompiler } from 'fastify'
import Type, { type TObject } from 'typebox'
import Compile from 'typebox/compile'
import { explain } from '../intake/explain.ts'
import { type Problem, type Refusal, refuse } from '../intake/problem.ts'
import { pointerTo } from '../lib/json/pointer.ts'

/** Query parameters that are not what their schema says. */
export class InvalidParameters extends Error {
  override readonly name = 'InvalidParameters'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super('invalid query parameters')
    this.refusal = refusal
  }
}

/** The schema of a route that has no query parameters. */
export const NoParameters = Type.Object({}, { additionalProperties: false })

/**
 * Checks the query by a route's own schema. Nothing is coerced but digits, and only where the schema
 * asks for an integer. Bodies are left alone: intake reads them, from their bytes.
 */
export const compileParameters: FastifySchemaCompiler<TObject> = ({ schema, httpPart }) => {
  if (httpPart !== 'querystring') return () => true
  const validator = Compile(schema)
  const integers = Object.keys(schema.properties).filter((name) => isInteger(schema, name))
  return (query: Record<string, unknown>) => {
    const value = integers.length === 0 ? query : withIntegers(query, integers)
    return validator.Check(value) ? { value } : { error: invalid(query, validator.Errors(value)) }
  }
}

function isInteger(schema: TObject, name: string): boolean {
  const property = schema.properties[name]
  return property !== undefined && Type.IsInteger(property)
}

function withIntegers(
  query: Record<string, unknown>,
  names: readonly string[],
): Record<string, unknown> {
  const value = { ...query }
  for (const name of names) {
    const text = query[name]
    if (typeof text === 'string' && /^\d{1,15}$/.test(text)) value[name] = Number(text)
  }
  return value
}

function invalid(
  query: Record<string, unknown>,
  errors: Parameters<typeof explain>[0],
): InvalidParameters {
  const problems = explain(errors, ['query']).map(({ code, path, detail }): Problem => {
    const pointer = pointerTo(path)
    if (code === 'unknown_property') return { pointer, code: 'unknown_parameter', detail: UNKNOWN }
    // Of a parameter that comes more than once, all values are read as one list.
    return { pointer, code, detail: Array.isArray(query[`${path[1]}`]) ? REPEATED : detail }
  })
  return new InvalidParameters(refuse(problems))
}

const UNKNOWN = 'There is no such parameter; leave it out.'
const REPEATED = 'This is given more than once; give it once.'
