import { didYouMean } from '../lib/closest.ts'
import type { SystemCatalogue } from './systems.ts'

/** How many known systems a problem names. */
const LISTED_MAX = 20

/**
 * How much one request may have guessed: characters of its names, each compared with every system. That
 * takes some 25 ms, and everybody else waits meanwhile.
 */
const COMPARED_MAX = 200_000

/** Tells of the systems that one request names and that are not there; guesses which were meant, while that is cheap. */
export class UnknownSystems {
  readonly #names: readonly string[]
  readonly #listed: string
  /** By the names that were compared. */
  readonly #hints = new Map<string, string>()
  #left = COMPARED_MAX

  constructor({ names }: SystemCatalogue) {
    this.#names = names
    const listed = names.slice(0, LISTED_MAX).join(', ')
    const more = names.length > LISTED_MAX ? ` and ${names.length - LISTED_MAX} more` : ''
    this.#listed = `Known systems: ${listed}${more}.`
  }

  /** What to tell somebody who named a system that is not there. */
  detailOf(name: string): string {
    return `There is no such system${this.#hintFor(name)}. ${this.#listed}`
  }

  #hintFor(name: string): string {
    const known = this.#hints.get(name)
    if (known !== undefined) return known
    if (this.#left <= 0) return ''
    this.#left -= name.length * this.#names.length
    const hint = didYouMean(name, this.#names)
    this.#hints.set(name, hint)
    return hint
  }
}
