import { MOVED_TABLES, type MovedTable, Tallier, type Tally } from './moved.ts'
import { Refusal } from './postgres/fault.ts'
import { importInto } from './postgres/import.ts'
import { type Holdings, openExport } from './sqlite/export.ts'

/** How far it has come, in rows; checking counts as much as copying. */
export interface MoveProgress {
  readonly done: number
  readonly total: number
}

/**
 * Copies all that the embedded store of a directory holds into an empty PostgreSQL, checks every row of
 * the copy, and only then commits. The embedded store stays as it is. In memory is never more than a
 * page of rows, or one batch.
 *
 * @throws when another process has the store, the target is not empty or away, or the copy differs
 */
export async function moveToPostgres(
  directory: string,
  url: string,
  onProgress: (progress: MoveProgress) => void,
): Promise<Holdings> {
  const source = openExport(directory)
  const total = 2 * source.rows
  let done = 0
  const advance = (rows: number) => {
    done += rows
    onProgress({ done, total })
  }
  try {
    return await importInto(url, async (target) => {
      const sent = new Map<MovedTable, Tally>()
      for (const table of MOVED_TABLES) {
        const tallier = new Tallier(table)
        for (const page of source.pages(table)) {
          for (const row of page) tallier.add(row)
          await target.insert(table, page)
          advance(page.length)
        }
        sent.set(table, tallier.tally)
      }
      await target.goOnAfter(source.last)
      for (const [table, tally] of sent) {
        assertSame(table, tally, await target.tally(table))
        advance(tally.rows)
      }
      return source.holdings
    })
  } finally {
    source.close()
  }
}

function assertSame({ name }: MovedTable, sent: Tally, found: Tally): void {
  if (sent.rows === found.rows && sent.digest === found.digest) return
  throw new Refusal(
    `The copy of ${name} differs: ${sent.rows} rows were sent and ${found.rows} arrived, or their ` +
      'contents are not the same. Nothing was moved; please report it.',
  )
}
