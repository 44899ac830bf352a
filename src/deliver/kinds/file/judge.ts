import type { Refusal } from '../../kind.ts'
import { type CallStage, declined, errorCode, misconfigured, noRecord } from '../endings.ts'
import { Escaped } from './confined.ts'
import { ChangedMeanwhile, TooManyRecords } from './index-of.ts'

/** What an error of the file system means. */
export function judge(error: unknown, stage: CallStage): Refusal {
  if (error instanceof TooManyRecords) {
    return misconfigured(stage, 'too_many_records', `The file has over ${error.max} records.`)
  }
  if (error instanceof ChangedMeanwhile) {
    return declined(stage, 'unavailable', 'The file was changed while it was read.')
  }
  const code = error instanceof Escaped ? 'ELOOP' : errorCode(error)
  if (code.startsWith('CSV_')) {
    return misconfigured(stage, 'invalid_file', `The file cannot be read as CSV (${code}).`)
  }
  switch (code) {
    case 'ELOOP':
      return misconfigured(stage, 'path_not_allowed', 'The path leads out of its directory.')
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return declined(stage, 'unauthorized', `The file may not be opened (${code}).`)
    case 'ENOENT':
      return stage === 'read'
        ? noRecord(`There is no such file (${code}).`)
        : misconfigured(stage, 'no_such_directory', `There is no such directory (${code}).`)
    default:
      return declined(stage, 'unavailable', `The file system failed (${code}).`)
  }
}
