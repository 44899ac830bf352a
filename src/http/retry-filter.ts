import Type from 'typebox'
import Compile from 'typebox/compile'
import { FAILURE_LENGTH_MAX } from '../core/failures.ts'
import { MAPPING_LIMITS } from '../core/mapping.ts'
import { explain } from '../intake/explain.ts'
import { DEPTH_MAX } from '../intake/parse.ts'
import { Problems, type Refusal, refuseJson } from '../intake/problem.ts'
import type { RetryFilter } from '../intake/retried.ts'
import { readJson } from '../lib/json/read.ts'

/** What of a request is to be tried again; a group of failures has both. */
export const RetryFilterSchema = Type.Object(
  {
    code: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: FAILURE_LENGTH_MAX.code,
        description: 'Only mappings that failed with this code; none that were cancelled.',
      }),
    ),
    target: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAPPING_LIMITS.systemNameLengthMax,
        description: 'Only mappings for this system.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Without it, all that failed or was cancelled.',
    examples: [{ code: 'target_unavailable', target: 'target_system_1' }],
  },
)

const validator = Compile(RetryFilterSchema)

export type RetryFilterRead = { readonly kind: 'filter'; readonly filter: RetryFilter } | Refusal

/** Reads the body of a retry, which may be left out; everything that is wrong with it, or all of it. */
export function retryFilterIn(body: Uint8Array | null | undefined): RetryFilterRead {
  if (body == null || body.length === 0) return { kind: 'filter', filter: EVERYTHING }
  const read = readJson(body, { depth: DEPTH_MAX })
  if (!read.ok) return refuseJson(read.problems)
  const value: unknown = read.value
  if (validator.Check(value)) {
    const { code = null, target = null } = value
    return { kind: 'filter', filter: { code, target } }
  }
  const problems = new Problems()
  for (const { code, path, detail } of explain(validator.Errors(value), [])) {
    problems.add(code, path, detail)
  }
  return problems.refusal(read.text)
}

const EVERYTHING: RetryFilter = { code: null, target: null }
