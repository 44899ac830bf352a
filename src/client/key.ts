/** Whether `text` can be an idempotency key: 1 to 255 visible ASCII characters, none of them a `"`. */
export function isIdempotencyKey(text: string): boolean {
  return /^[\x21\x23-\x7e]{1,255}$/.test(text)
}

/** A key that nobody else has. `randomUUID` would do, but browsers have it only where there is TLS. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** @throws TypeError if a key was given that is none */
export function idempotencyKeyOf(given: string | undefined): string {
  if (given === undefined) return newIdempotencyKey()
  if (isIdempotencyKey(given)) return given
  throw new TypeError('idempotencyKey must be 1 to 255 visible ASCII characters without quotes')
}
