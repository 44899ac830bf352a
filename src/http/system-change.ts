import Type from 'typebox'
import { LIMIT_BOUNDS, type Override } from '../core/limits.ts'
import { parseRates } from '../core/quantity.ts'
import { DEPTH_MAX } from '../intake/parse.ts'
import { Problems, type Refusal, refuseJson } from '../intake/problem.ts'
import { didYouMean } from '../lib/closest.ts'
import { readJson } from '../lib/json/read.ts'

/** What an operator may change, for the documentation; `changeIn` is stricter than any schema. */
export const SystemChangeSchema = Type.Object(
  {
    concurrency: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: LIMIT_BOUNDS.concurrency }), Type.Null()], {
        description: 'How many calls may be under way at once, over all workers.',
      }),
    ),
    rate: Type.Optional(
      Type.Union([Type.String(), Type.Array(Type.String()), Type.Null()], {
        description: 'Calls in a window, such as `50/s`, or a list of windows that must all hold.',
      }),
    ),
    paused: Type.Optional(
      Type.Union([Type.Boolean(), Type.Null()], { description: 'Whether nothing may start.' }),
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description: 'What is left out stays as it is; null returns to what the systems file says.',
    examples: [{ concurrency: 10, rate: '50/s', paused: true }],
  },
)

export type SystemChange = { readonly kind: 'change'; readonly change: Partial<Override> } | Refusal

/** Reads the body of a change; everything that is wrong with it, or all of it. */
export function changeIn(body: Uint8Array): SystemChange {
  const read = readJson(body, { depth: DEPTH_MAX })
  if (!read.ok) return refuseJson(read.problems)
  const problems = new Problems()
  const { value, text } = read
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.add('invalid_type', [], 'This must be of type object.')
    return problems.refusal(text)
  }
  const change: { -readonly [Field in keyof Override]?: Override[Field] } = {}
  for (const [name, said] of Object.entries(value)) {
    switch (name) {
      case 'concurrency':
        if (isConcurrency(said)) change.concurrency = said
        else problems.add('invalid_value', [name], CONCURRENCY)
        break
      case 'rate': {
        const rate = said === null ? null : parseRates(said)
        if (rate !== null || said === null) change.rate = rate
        else problems.add('invalid_value', [name], RATE)
        break
      }
      case 'paused':
        if (said === null || typeof said === 'boolean') change.paused = said === true
        else problems.add('invalid_type', [name], 'This must be true, false or null.')
        break
      default:
        problems.add('unknown_property', [name], unknown(name))
    }
  }
  if (problems.isEmpty && Object.keys(change).length === 0) {
    problems.add('required', [], `Say what to change: ${FIELDS.join(', ')}.`)
  }
  return problems.isEmpty ? { kind: 'change', change } : problems.refusal(text)
}

const FIELDS = ['concurrency', 'rate', 'paused']
const CONCURRENCY = `This must be a whole number from 1 to ${LIMIT_BOUNDS.concurrency}, or null.`
const RATE = `This must be a rate such as 50/s or 5000/h, a list of up to ${LIMIT_BOUNDS.windows} of them, or null.`

function isConcurrency(said: unknown): said is number | null {
  if (said === null) return true
  return Number.isInteger(said) && Number(said) >= 1 && Number(said) <= LIMIT_BOUNDS.concurrency
}

function unknown(name: string): string {
  return `There is no property of this name${didYouMean(name, FIELDS)}; leave it out.`
}
