import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * Keeps a second process off a data directory. The lock is SQLite's own on a file that holds
 * nothing, so the operating system lets go of it whatever way this process ends.
 *
 * @returns undoes it
 * @throws when another process has it
 */
export function lock(directory: string): () => void {
  const file = new DatabaseSync(join(directory, 'sluice.lock'), { timeout: 0 })
  try {
    file.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    file.close()
    throw new Error(
      `Another Sluice is running on ${directory}. Stop it first, or give this one a data ` +
        'directory of its own with SLUICE_DATA_DIR.',
      { cause },
    )
  }
  return () => file.close()
}
