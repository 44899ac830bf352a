import type { Store } from '../../src/store/store.ts'
import { everythingThatFollows } from './clock.ts'

/** Knows whether a store, which takes real time over its calls, has any under way. */
export class CallsUnderWay {
  #calls = 0
  #end = Promise.withResolvers<void>()

  /** The same store, whose calls are counted. */
  counted(store: Store): Store {
    return new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function' || name === 'onWork') return value
        return (...given: unknown[]) => this.#count(Reflect.apply(value, target, given))
      },
    })
  }

  /** Resolves when none is under way, and nothing that followed from their answers has begun one. */
  async ended(): Promise<void> {
    await everythingThatFollows()
    while (this.#calls > 0) {
      await this.#end.promise
      await everythingThatFollows()
    }
  }

  async #count<T>(call: Promise<T>): Promise<T> {
    this.#calls += 1
    try {
      return await call
    } finally {
      this.#calls -= 1
      this.#end.resolve()
      this.#end = Promise.withResolvers()
    }
  }
}
