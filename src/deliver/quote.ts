/** What others say, as far as we may repeat it. */

/** Texts that must not be shown, should someone have sent them back; each also as JSON spells it. */
export type Secrets = readonly string[]

/** Shorter ones would be found everywhere, and hiding them would garble more than it hides. */
const SECRET_LENGTH_MIN = 8

/** Of texts that may be secret, those to be hidden; the longest first, for one may be a part of another. */
export function secretsAmong(texts: readonly string[]): Secrets {
  const long = texts.filter(({ length }) => length >= SECRET_LENGTH_MIN)
  const spelled = long.map((text) => JSON.stringify(text).slice(1, -1))
  return [...new Set([...long, ...spelled])].sort((one, other) => other.length - one.length)
}

/**
 * A text with our own secrets taken out. JSON may write any character in another way, as `\/` or `\u002B`:
 * where a secret is found once it is written in ours, that is what is given.
 */
export function withoutSecrets(text: string, secrets: Secrets): string {
  const rewritten = text.includes('\\') ? rewrittenJson(text) : null
  const found = rewritten !== null && secrets.some((secret) => rewritten.includes(secret))
  return secrets.reduce(
    (rest, secret) => rest.replaceAll(secret, '[secret]'),
    found ? rewritten : text,
  )
}

/** Null where it is no JSON. */
function rewrittenJson(text: string): string | null {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return null
  }
}

const EXCERPT_LENGTH_MAX = 200

/** Someone else's words as a part of our message: on one line, and not too many. */
export function shortened(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .slice(0, EXCERPT_LENGTH_MAX)
    .toWellFormed()
}

/** The same, and without our own secrets. */
export function quoted(text: string, secrets: Secrets): string {
  return shortened(withoutSecrets(text, secrets))
}
