import type { Problem, ProblemError } from './problem.ts'

/** How many of a problem's errors its message tells; `errors` has them all. */
const ERRORS_TOLD = 10

/**
 * Sluice answered, and the answer was no. The message says what to mend, and where.
 *
 * @example
 * try {
 *   await sluice.cancel(id)
 * } catch (error) {
 *   if (!(error instanceof SluiceError)) throw error
 *   if (error.type !== '/problems/invalid-state') throw error
 *   console.log('It was finished already.')
 * }
 */
export class SluiceError extends Error {
  override readonly name = 'SluiceError'
  /** Which problem: `/problems/` and its slug. */
  readonly type: Problem['type']
  /** The HTTP status. */
  readonly status: number
  readonly detail: string
  /** What is wrong with the input; empty where the input is not to blame. */
  readonly errors: readonly ProblemError[]
  readonly instance: string | null
  /** The whole answer, as it came. */
  readonly problem: Problem
  /** When Sluice asks to be tried again; null where it did not say. */
  readonly retryAfterMs: number | null

  constructor(problem: Problem, retryAfterMs: number | null) {
    const errors = problem.errors ?? []
    super([problem.detail, ...told(errors)].join('\n'))
    this.problem = problem
    this.type = problem.type
    this.status = problem.status
    this.detail = problem.detail
    this.errors = errors
    this.instance = problem.instance ?? null
    this.retryAfterMs = retryAfterMs
  }
}

/** No answer came, or not all of it: the server is not there, went away, or was too slow. */
export class SluiceUnreachable extends Error {
  override readonly name = 'SluiceUnreachable'
  readonly url: string
  /** Somebody was there, or nobody can tell, as in browsers: what was sent may have arrived. */
  readonly mayHaveArrived: boolean

  constructor(url: string, message: string, more: { mayHaveArrived: boolean; cause?: unknown }) {
    super(message, { cause: more.cause })
    this.url = url
    this.mayHaveArrived = more.mayHaveArrived
  }
}

/** The server is away for a while: it restarts, drains or cannot reach its store. */
export function isAbsence(error: unknown): boolean {
  return (
    error instanceof SluiceUnreachable || (error instanceof SluiceError && error.status === 503)
  )
}

function told(errors: readonly ProblemError[]): string[] {
  const lines = errors.slice(0, ERRORS_TOLD).map(({ pointer, detail, line }) => {
    return `  ${pointer}${line === undefined ? '' : ` (line ${line})`}: ${detail}`
  })
  const left = errors.length - lines.length
  return left > 0 ? [...lines, `  … and ${left} more`] : lines
}
