import type { Result } from '../../core/results.ts'
import { nullableTimeOf } from '../time.ts'

/** A result as the API gives it. */
export function resultView(result: Result) {
  const { id, source, target, state, attempts } = result
  return {
    id,
    source,
    target,
    status: state,
    attempts,
    result: result.result,
    error: errorView(result),
    finished_at: nullableTimeOf(result.finishedAt),
    duration_ms: result.duration,
  }
}

/** A mapping as it came, with why it failed: mended, it can be handed in again. */
export function intakeView(result: Result) {
  const { id, source, target, transformation, data } = result
  return { id, source, target, transformation, data, error: errorView(result) }
}

function errorView({ error, attempts }: Result) {
  if (error === null) return null
  const { code, message, stage, httpStatus } = error
  return { code, message, stage, http_status: httpStatus, attempts }
}
