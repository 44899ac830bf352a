import { Patience } from './patience.ts'

/** Which page is wanted. */
export interface PageWanted {
  readonly limit: number
  readonly cursor: string | null
}

/** What one page holds, and what to ask for after it; null at the end. */
interface Page<Item> {
  readonly items: readonly Item[]
  readonly next_cursor: string | null
}

interface Paging {
  /** How many items in all; every one unless told. */
  readonly limit?: number | undefined
  /** How large pages may grow. */
  readonly pageMax?: number
  readonly signal?: AbortSignal | undefined
}

/** Who looks at a few is not kept waiting; who reads on reads large pages, as fast as a stream. */
const FIRST_PAGE = 1000

/**
 * Asks for page after page, only as far as they are used, until `limit` items or the end. A server
 * that goes away in between is waited for.
 */
export async function* paged<Item>(
  { limit = Number.POSITIVE_INFINITY, pageMax = FIRST_PAGE, signal }: Paging,
  ask: (page: PageWanted) => Promise<Page<Item>>,
): AsyncGenerator<Item, void, undefined> {
  const patience = new Patience()
  let cursor: string | null = null
  let size = FIRST_PAGE
  for (let left = limit; left > 0; size = pageMax) {
    const wanted = { limit: Math.min(left, size), cursor }
    const page: Page<Item> = await patience.ask(() => ask(wanted), signal)
    yield* page.items
    left -= page.items.length
    cursor = page.next_cursor
    if (cursor === null) return
  }
}
