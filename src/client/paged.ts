import { Patience } from './patience.ts'

/** What one page holds, and what to ask for after it; null at the end. */
interface Page<Item> {
  readonly items: readonly Item[]
  readonly next_cursor: string | null
}

const PAGE = 1000

/**
 * Asks for page after page, only as far as they are used, until `limit` items or the end. A server
 * that goes away in between is waited for.
 */
export async function* paged<Item>(
  limit = Number.POSITIVE_INFINITY,
  ask: (page: { limit: number; cursor: string | null }) => Promise<Page<Item>>,
  signal?: AbortSignal,
): AsyncGenerator<Item, void, undefined> {
  const patience = new Patience()
  let cursor: string | null = null
  for (let left = limit; left > 0; ) {
    const wanted = { limit: Math.min(left, PAGE), cursor }
    const page: Page<Item> = await patience.ask(() => ask(wanted), signal)
    yield* page.items
    left -= page.items.length
    cursor = page.next_cursor
    if (cursor === null) return
  }
}
