import type { Result } from '../../core/results.ts'
import type { MappingError } from '../../core/verdict.ts'
import { nullableTimeOf } from '../time.ts'

/** A result as the API gives it. */
export function resultView(result: Result) {
  const { id, source, target, state, attempts, error } = result
  return {
    id,
    source,
    target,
    status: state,
    attempts,
    result: result.result,
    error: error && errorView(error, attempts),
    finished_at: nullableTimeOf(result.finishedAt),
    duration_ms: result.duration,
  }
}

/** Why a mapping failed after so many attempts, as the API gives it. */
function errorView(error: MappingError, attempts: number) {
  const { code, message, stage, httpStatus } = error
  return { code, message, stage, http_status: httpStatus, attempts }
}
