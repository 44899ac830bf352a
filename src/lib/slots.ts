/**
 * Holds what is under way, each thing at a place of its own that is given to another when it has gone.
 *
 * For where thousands come and go in a second. A `Map` or a `Set` would grow anew all the time, and
 * each table that V8 has outgrown leads to the next: once one is old, all that any later one held
 * stays in memory until a full collection, and is copied there first (measured: four times the
 * garbage collection of a busy API). Putting in and taking out cost the same however many there are.
 */
export class Slots<T> {
  readonly #items: (T | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#items.length - this.#free.length
  }

  /** Gives the place where it can be taken out again. */
  put(item: T): number {
    const place = this.#free.pop() ?? this.#items.length
    this.#items[place] = item
    return place
  }

  /** Undefined where nothing is in that place (any more). */
  take(place: number): T | undefined {
    const item = this.#items[place]
    if (item === undefined) return undefined
    this.#items[place] = undefined
    this.#free.push(place)
    return item
  }

  /** All that is there, in no order. What is taken out or put in meanwhile may be given or not. */
  *[Symbol.iterator](): Generator<T> {
    for (const item of this.#items) if (item !== undefined) yield item
  }
}
