import { PROBLEMS_MAX } from '../lib/json/inspect.ts'
import { linesOf } from '../lib/json/lines.ts'
import { type JsonPath, pointerTo } from '../lib/json/pointer.ts'
import type { JsonProblem, JsonProblemCode } from '../lib/json/read.ts'

/** One thing that is wrong with what was sent, where, and how to mend it; never the text itself. */
export interface Problem {
  /** A JSON pointer into the body (`#/mappings/3/id`), or `#/query/…` or `#/header/…`. */
  readonly pointer: string
  readonly code: ProblemCode
  readonly detail: string
  /** Counted from 1; absent where there are no lines to count. */
  readonly line?: number
}

export type ProblemCode =
  | JsonProblemCode
  | 'required'
  | 'unknown_property'
  | 'unknown_parameter'
  | 'invalid_type'
  | 'invalid_value'
  | 'duplicate_mapping_id'
  | 'unknown_system'
  | 'unknown_request'
  | 'invalid_expression'
  | 'reserved_name'
  | 'forbidden_url'
  | 'callbacks_not_configured'
  | 'line_too_long'
  | 'malformed_csv'
  | 'malformed_encoding'
  | 'misplaced_parameter'
  | 'too_many_mappings'
  | 'too_many_targets'
  | 'invalid_idempotency_key'
  | 'invalid_cursor'

/** What kind of bad input it is as a whole: the slug of the answer. */
export type BadInput =
  | 'malformed-json'
  | 'invalid-utf8'
  | 'too-deep'
  | 'validation-failed'
  | 'unknown-property'
  | 'duplicate-mapping-id'
  | 'unknown-system'
  | 'invalid-expression'
  | 'forbidden-url'
  | 'invalid-cursor'
  | 'too-many-mappings'

/** Nothing was taken. At least one problem. */
export interface Refusal {
  readonly kind: 'refused'
  readonly slug: BadInput
  readonly problems: readonly Problem[]
}

/** Codes that are a kind of bad input of their own; all others are `validation-failed`. */
const SLUGS: { readonly [Code in ProblemCode]?: BadInput } = {
  malformed_json: 'malformed-json',
  invalid_utf8: 'invalid-utf8',
  too_deep: 'too-deep',
  unknown_property: 'unknown-property',
  unknown_parameter: 'unknown-property',
  duplicate_mapping_id: 'duplicate-mapping-id',
  unknown_system: 'unknown-system',
  invalid_expression: 'invalid-expression',
  forbidden_url: 'forbidden-url',
  invalid_cursor: 'invalid-cursor',
  too_many_mappings: 'too-many-mappings',
}

/** Problems of one kind give the refusal that kind's slug, mixed ones `validation-failed`. */
export function refuse(problems: readonly Problem[]): Refusal {
  const slugs = new Set(problems.map(({ code }) => SLUGS[code] ?? 'validation-failed'))
  const [slug = 'validation-failed'] = slugs.size === 1 ? slugs : []
  return { kind: 'refused', slug, problems }
}

/** A body that is no good as JSON. */
export function refuseJson(problems: readonly JsonProblem[]): Refusal {
  return refuse(problems.map(({ line, ...rest }) => (line === null ? rest : { ...rest, line })))
}

/** What to tell somebody who sends more mappings than one request may hold. */
export function tooManyMappings(max: number): string {
  return `Send at most ${max} mappings in one request.`
}

/** Collects what is wrong with a body, up to the hundredth problem. */
export class Problems {
  readonly #found: Problem[] = []

  /** Nothing more is worth looking for. */
  get isFull(): boolean {
    return this.#found.length >= PROBLEMS_MAX
  }

  get isEmpty(): boolean {
    return this.#found.length === 0
  }

  /** @param line where it is known; else it is looked for in the end */
  add(code: ProblemCode, path: JsonPath, detail: string, line?: number): void {
    if (this.isFull) return
    const problem = { pointer: pointerTo(path), code, detail }
    this.#found.push(line === undefined ? problem : { ...problem, line })
  }

  /** The refusal; problems whose line is not known get it from the body's text, if there is one. */
  refusal(text: string | null): Refusal {
    if (text === null) return refuse(this.#found)
    const lines = linesOf(
      text,
      this.#found.map(({ pointer }) => pointer),
    )
    return refuse(
      this.#found.map((problem) => {
        const line = lines.get(problem.pointer)
        return line === undefined ? problem : { ...problem, line }
      }),
    )
  }
}
