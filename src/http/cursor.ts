/** Where a list goes on. Opaque to callers, bound to what was listed, and of no use elsewhere. */

const LENGTH_MAX = 1024

/** What a cursor belongs to: the thing listed and every filter on it. */
export type CursorScope = readonly (string | number | null)[]

/** A cursor that stands for `position` in a list. */
export function cursorOf(scope: CursorScope, position: string): string {
  return Buffer.from(JSON.stringify([...scope, position])).toString('base64url')
}

/** The position that a cursor stands for; null where it is not one of this list's. */
export function positionIn(cursor: string, scope: CursorScope): string | null {
  if (cursor.length > LENGTH_MAX) return null
  const position = lastOf(Buffer.from(cursor, 'base64url').toString())
  return typeof position === 'string' && cursorOf(scope, position) === cursor ? position : null
}

function lastOf(text: string): unknown {
  try {
    const parts: unknown = JSON.parse(text)
    return Array.isArray(parts) ? parts.at(-1) : null
  } catch {
    return null
  }
}
