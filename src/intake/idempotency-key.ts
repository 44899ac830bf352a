const LENGTH_MAX = 255

/**
 * The key in an Idempotency-Key header, bare or in double quotes; null where the value is neither:
 * 1 to 255 visible ASCII characters without quotes.
 */
export function idempotencyKeyIn(header: string): string | null {
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header
  return key.length <= LENGTH_MAX && /^[\x21\x23-\x7e]+$/.test(key) ? key : null
}
