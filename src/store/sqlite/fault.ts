import { StoreUnavailable } from '../store.ts'

/** The disk or the file has failed: nothing that is in memory can be trusted, and no commit. */
export class StoreBroken extends Error {
  override readonly name = 'StoreBroken'
}

/** SQLite's result codes that say "not now" rather than "never": busy, read-only, full and the like. */
const UNAVAILABLE = new Set([5, 6, 8, 13, 14])

/** An I/O error by its class, and yet only a full disk: there was no room for the index of the log. */
const NO_ROOM_FOR_INDEX = 4874

const CHECK_THE_DISK =
  'Check the disk, and start Sluice again: it goes on from what is safely written.'
export const PUT_BACK =
  'Check the disk, and put back a copy of the data directory, or begin with an empty one.'

/** I/O error, damaged database, not a database. */
const BROKEN = new Map([
  [10, CHECK_THE_DISK],
  [11, PUT_BACK],
  [26, PUT_BACK],
])

/**
 * What a caller of the store is told of what SQLite threw.
 *
 * @throws StoreBroken for what must end the process. After an fsync that failed, SQLite and the
 *   operating system go on as if it had not, and what they then say is written may not be.
 */
export function toStoreError(cause: unknown): Error {
  if (cause instanceof StoreBroken) throw cause
  if (!(cause instanceof Error)) return new Error(String(cause))
  const code = 'errcode' in cause ? Number(cause.errcode) : 0
  const primary = code & 0xff
  if (UNAVAILABLE.has(primary) || code === NO_ROOM_FOR_INDEX) {
    return new StoreUnavailable(cause.message, { cause })
  }
  const advice = BROKEN.get(primary)
  if (advice === undefined) return cause
  throw new StoreBroken(`${cause.message} (SQLite ${code}). ${advice}`, { cause })
}
