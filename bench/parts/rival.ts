/** What every part in `rivals/` does. */
import type { Mapping } from '../../src/core/mapping.ts'
import { mappings } from '../mappings.ts'
import { obey, ready } from './part.ts'

export interface RivalOrder {
  /** How many mappings: a job of its own for each. */
  readonly count: number
}

/** The URL of the database that this part is to use. */
export const [url = ''] = process.argv.slice(2)

/**
 * Answers every order with the milliseconds that it took, from handing in the first mapping until
 * the end of the last is on disk. The mappings themselves are made before, and `tidy` is done.
 */
export function compete(
  carryOut: (mappings: readonly Mapping[]) => Promise<void>,
  tidy: () => Promise<unknown> = async () => {},
): void {
  obey(async ({ count }: RivalOrder) => {
    const given = mappings(count)
    await tidy()
    const startedAt = performance.now()
    await carryOut(given)
    return performance.now() - startedAt
  })
  ready()
}

/** What comes in pieces of at most so many. */
export function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}

/** Counts to a number that is set anew for each order. */
export class Countdown {
  #left = 0
  #done = Promise.withResolvers<void>()

  /** Resolves when `tick` has been called so many times from now on. */
  from(count: number): Promise<void> {
    this.#left = count
    this.#done = Promise.withResolvers<void>()
    return this.#done.promise
  }

  tick(): void {
    this.#left -= 1
    if (this.#left === 0) this.#done.resolve()
  }
}
