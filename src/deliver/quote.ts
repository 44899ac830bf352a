/** What others say, as far as we may repeat it. */

/** Texts that must not be shown, should someone have sent them back. */
export type Secrets = readonly string[]

/** Shorter ones would be found everywhere, and hiding them would garble more than it hides. */
const SECRET_LENGTH_MIN = 8

/** Of texts that may be secret, those to be hidden; the longest first, for one may be a part of another. */
export function secretsAmong(texts: readonly string[]): Secrets {
  return texts
    .filter(({ length }) => length >= SECRET_LENGTH_MIN)
    .sort((one, other) => other.length - one.length)
}

/** A text with our own secrets taken out. */
export function withoutSecrets(text: string, secrets: Secrets): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text)
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
