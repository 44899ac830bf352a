import type { Problem, ProblemError } from './wire.ts'

/** How many of a problem's errors its message tells; `errors` has them all. */
const ERRORS_TOLD = 10

/** Sluice answered, and the answer was no. The message says what to mend, and where. */
export class SluiceError extends Error {
  override readonly name = 'SluiceError'
  /** `/problems/<slug>`: what kind of problem it is. */
  readonly type: string
  /** The HTTP status. */
  readonly status: number
  readonly detail: string
  /** What is wrong with the input; empty where the input is not to blame. */
  readonly errors: readonly ProblemError[]
  readonly instance: string | null
  /** When Sluice asks to be tried again; null where it did not say. */
  readonly retryAfterMs: number | null

  constructor(problem: Problem, retryAfterMs: number | null) {
    const errors = problem.errors ?? []
    super([problem.detail, ...told(errors)].join('\n'))
    this.type = problem.type
    this.status = problem.status
    this.detail = problem.detail
    this.errors = errors
    this.instance = problem.instance ?? null
    this.retryAfterMs = retryAfterMs
  }
}

/** No answer came: the server is not there, or it did not finish in time. */
export class SluiceUnreachable extends Error {
  override readonly name = 'SluiceUnreachable'
  readonly url: string

  constructor(url: string, message: string, cause: unknown) {
    super(message, { cause })
    this.url = url
  }
}

function told(errors: readonly ProblemError[]): string[] {
  const lines = errors.slice(0, ERRORS_TOLD).map(({ pointer, detail, line }) => {
    return `  ${pointer}${line === undefined ? '' : ` (line ${line})`}: ${detail}`
  })
  const left = errors.length - lines.length
  return left > 0 ? [...lines, `  … and ${left} more`] : lines
}
