import { unpack } from './packed.ts'
import type { Closing } from './request.ts'
import type { EpochMs } from './units.ts'
import type { MappingError, Standing } from './verdict.ts'

/** Why, and since when, nothing more of a request starts. */
export interface Closed {
  readonly as: Closing
  readonly at: EpochMs
}

/** The error of a mapping that was still open when its request's time was over. */
export const EXPIRED: MappingError = {
  code: 'expired',
  message: 'The time given for the request was over before this was done.',
  stage: 'write',
  httpStatus: null,
}

/**
 * Where a mapping stands, by what is stored of it and of its batch. Where a batch was ended because its
 * request was closed, what was open of it is cancelled, or has failed; nothing is written for that,
 * because it follows.
 */
export function standingOf(known: Standing | null, closed: Closed | null): Standing {
  const standing = known ?? UNTRIED
  if (closed === null || standing[0] !== 'pending') return standing
  const [, attempts, , lastError] = standing
  if (closed.as === 'cancelled') return ['cancelled', attempts, closed.at, lastError]
  return ['failed', attempts, closed.at, 0, expired(lastError)]
}

const UNTRIED: Standing = ['pending', 0, 0, null]

function expired(lastError: MappingError | null): MappingError {
  if (lastError === null) return EXPIRED
  return { ...EXPIRED, message: `${EXPIRED.message} Its last attempt: ${lastError.message}` }
}

/** The id of a batch's first mapping that is open, by the texts that are stored of it. */
export function firstOpen(mappings: string, verdicts: string | null): string {
  const standings: readonly (Standing | null)[] = JSON.parse(verdicts ?? '[]')
  const { ids } = unpack(mappings)
  const isOpen = (_: string, position: number) => (standings[position] ?? UNTRIED)[0] === 'pending'
  return ids.find(isOpen) ?? ''
}
