import { constants } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'

/** A path that leads out of its directory. */
export class Escaped extends Error {}

/**
 * Opens a file in a directory, wherever the directory itself may be. No link leads out: the file's
 * folder is where it really is, and the file is no link.
 *
 * @param flags as `open(2)` has them
 */
export async function openConfined(
  directory: string,
  path: string,
  flags: number,
): Promise<FileHandle> {
  const root = await realpath(directory)
  const folder = await realpath(join(root, dirname(path)))
  if (folder !== root && !folder.startsWith(root + sep)) throw new Escaped()
  return open(join(folder, basename(path)), flags | constants.O_NOFOLLOW, 0o640)
}
