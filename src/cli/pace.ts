/** Looks further back than this do not count. */
const WINDOW_MS = 5000

/** How fast a request has been going over the last seconds. */
export class Pace {
  #looks: { readonly at: number; readonly processed: number }[] = []

  /**
   * Takes note that `processed` mappings were final at `at`.
   * @returns mappings a second; null as long as one look is all there is
   */
  look(processed: number, at: number): number | null {
    this.#looks.push({ at, processed })
    while (this.#looks.length > 2 && (this.#looks[1]?.at ?? at) <= at - WINDOW_MS)
      this.#looks.shift()
    const [first] = this.#looks
    if (first === undefined || first.at >= at) return null
    return ((processed - first.processed) * 1000) / (at - first.at)
  }
}
