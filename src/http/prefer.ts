/** What a client would like, and can go without (RFC 7240). */

/** A longer header is not read. */
const LENGTH_MAX = 256

/** Longer than most proxies wait for an answer is of no use to anybody. */
const WAIT_S_MAX = 60

const QUOTED = /"((?:[^"\\]|\\.)*)"/g
const SECONDS = /^\d{1,9}$/

/**
 * How many seconds a `Prefer: wait=…` would have its answer held at most, cut to a minute. Null where
 * there is none, or one that cannot be made out: such a preference is passed over.
 */
export function waitIn(prefer: string | string[] | undefined): number | null {
  if (typeof prefer !== 'string' || prefer.length > LENGTH_MAX) return null
  // Quoted or not is the same; quoted text that is no number might hold commas.
  const bare = prefer.replaceAll(QUOTED, (_, text: string) => (SECONDS.test(text) ? text : '-'))
  for (const preference of bare.split(',')) {
    const [named = ''] = preference.split(';')
    const [name = '', value = ''] = named.split('=')
    if (name.trim().toLowerCase() !== 'wait') continue
    // Of several, the first counts.
    return SECONDS.test(value.trim()) ? Math.min(Number(value), WAIT_S_MAX) : null
  }
  return null
}
