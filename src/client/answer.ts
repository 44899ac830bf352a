import { SluiceError } from './errors.ts'
import type { Problem } from './problem.ts'

/** An answer's JSON; undefined where it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Why an answer says no: its problem document, or that it is none of Sluice's. */
export function refusalOf(
  { status, headers }: Response,
  baseUrl: string,
  body: unknown,
): SluiceError {
  const problem: Problem = isProblem(body)
    ? body
    : {
        type: 'about:blank',
        title: 'Not an answer of Sluice',
        status,
        detail: `${baseUrl} answered ${status}, but not as Sluice does. Is another program there?`,
      }
  return new SluiceError(problem, retryAfterMs(headers))
}

function isProblem(body: unknown): body is Problem {
  return (
    typeof body === 'object' &&
    body !== null &&
    'type' in body &&
    typeof body.type === 'string' &&
    'status' in body &&
    typeof body.status === 'number' &&
    'detail' in body &&
    typeof body.detail === 'string' &&
    (!('errors' in body) || Array.isArray(body.errors))
  )
}

/** Sluice gives whole seconds, never a date. */
function retryAfterMs(headers: Headers): number | null {
  const seconds = headers.get('retry-after') ?? ''
  return /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : null
}
