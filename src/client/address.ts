/** Whether `text` is an address that a client can be made with: no name, password or query in it. */
export function isBaseUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null) return false
  return /^https?:$/.test(url.protocol) && url.href === url.origin + url.pathname
}

/** What is asked for in an address. What is undefined or null is left out. */
export interface Query {
  readonly [name: string]: string | number | null | undefined
}

/** The end of an address, with its question mark; nothing where nothing is asked. */
export function search(query: Query): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) given.set(name, String(value))
  }
  return given.size === 0 ? '' : `?${given}`
}
