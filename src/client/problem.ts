/** Why Sluice says no, as it travels (RFC 9457). */

/** Completes what is known today, and takes what may come later. */
export type Open<Known extends string> = Known | (string & Record<never, never>)

/** Every problem that Sluice knows: what follows `/problems/` in a problem's type. */
export const PROBLEM_SLUGS = [
  'malformed-json',
  'invalid-utf8',
  'too-deep',
  'validation-failed',
  'unknown-property',
  'duplicate-mapping-id',
  'unknown-system',
  'invalid-expression',
  'forbidden-url',
  'invalid-cursor',
  'malformed-request',
  'unauthenticated',
  'insufficient-scope',
  'cross-site-request',
  'unknown-host',
  'not-found',
  'method-not-allowed',
  'not-acceptable',
  'request-timeout',
  'idempotency-in-progress',
  'invalid-state',
  'body-too-large',
  'too-many-mappings',
  'unsupported-media-type',
  'unsupported-encoding',
  'expectation-failed',
  'idempotency-key-reused',
  'rate-limited',
  'headers-too-large',
  'internal-error',
  'overloaded',
  'draining',
  'storage-unavailable',
] as const
export type ProblemSlug = (typeof PROBLEM_SLUGS)[number]

/** Why a request was refused. */
export interface Problem {
  readonly type: Open<`/problems/${ProblemSlug}`>
  readonly title: string
  readonly status: number
  /** What is wrong, and how to mend it. */
  readonly detail: string
  /** Names this one answer, for whoever looks into the server's log. */
  readonly instance?: string
  readonly errors?: readonly ProblemError[]
}

/** One thing that is wrong with the input, and where. */
export interface ProblemError {
  /** A JSON pointer into the body, such as `#/mappings/3/target`. */
  readonly pointer: string
  readonly code: Open<ProblemErrorCode>
  readonly detail: string
  readonly line?: number
}

/** What may be wrong with one thing in the input. */
export type ProblemErrorCode =
  | 'malformed_json'
  | 'invalid_utf8'
  | 'too_deep'
  | 'duplicate_key'
  | 'forbidden_key'
  | 'invalid_string'
  | 'unsafe_number'
  | 'required'
  | 'unknown_property'
  | 'unknown_parameter'
  | 'invalid_type'
  | 'invalid_value'
  | 'duplicate_mapping_id'
  | 'unknown_system'
  | 'unknown_request'
  | 'reserved_name'
  | 'invalid_expression'
  | 'callbacks_not_configured'
  | 'forbidden_url'
  | 'too_many_mappings'
  | 'too_many_targets'
  | 'line_too_long'
  | 'malformed_csv'
  | 'malformed_encoding'
  | 'misplaced_parameter'
  | 'invalid_idempotency_key'
  | 'invalid_cursor'
