import type { MappingError } from './verdict.ts'

/** Some failures of one batch that came one after another and are of one kind. */
export interface FailureRun {
  readonly code: string
  readonly httpStatus: number | null
  readonly count: number
  /** The id of a mapping that failed so. */
  readonly sample: string
  /** What the last of them said. */
  readonly message: string
}

/** All failures of one kind, of one request, for one target. */
export interface FailureGroup extends FailureRun {
  /** Null in the one group that holds what was left over when there were too many groups. */
  readonly target: string | null
}

/** So many groups a request has, and one more that holds the rest. */
export const FAILURE_GROUPS_MAX = 1000

/** The code of the group that holds the rest. */
export const REST_CODE = 'other'

/** What it says where groups did not add up, and were given up for it: a bug, mended. */
export const REGROUPED = 'The groups did not add up; the results tell why each mapping failed.'

/** A kind of system may say what it likes; a code is a part of a key, and a message is only an example. */
export const FAILURE_LENGTH_MAX = { code: 128, message: 500 } as const

/** The code that a failure is grouped under. */
export function groupedCode({ code }: Pick<MappingError, 'code'>): string {
  return cut(code, FAILURE_LENGTH_MAX.code)
}

/** Adds a failure, that of the mapping `id`, to the runs of its batch. */
export function addFailure(runs: FailureRun[], id: string, error: MappingError): void {
  const code = groupedCode(error)
  const message = cut(error.message, FAILURE_LENGTH_MAX.message)
  const { httpStatus } = error
  const last = runs.at(-1)
  if (last?.code === code && last.httpStatus === httpStatus) {
    runs[runs.length - 1] = { ...last, count: last.count + 1, message }
  } else {
    runs.push({ code, httpStatus, count: 1, sample: id, message })
  }
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).toWellFormed()
}

/** Of the failures in these runs, the last `count`. */
export function lastFailures(runs: readonly FailureRun[], count: number): readonly FailureRun[] {
  const kept: FailureRun[] = []
  let missing = count
  for (const run of runs.toReversed()) {
    if (missing <= 0) break
    kept.unshift({ ...run, count: Math.min(run.count, missing) })
    missing -= run.count
  }
  return kept
}
