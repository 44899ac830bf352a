/**
 * What every store promises, whatever it is made of. Each topic is a table from a promise, in words,
 * to its check; a store's own test file runs them all, with a harness that opens that store.
 */
import { describe, test } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { accounting } from './accounting.ts'
import { audit } from './audit.ts'
import { callbacks } from './callbacks.ts'
import { cancel } from './cancel.ts'
import { claim } from './claim.ts'
import { expiry } from './expiry.ts'
import { failures } from './failures.ts'
import { gates } from './gates.ts'
import { intake } from './intake.ts'
import { joining } from './joining.ts'
import { keep } from './keep.ts'
import { order } from './order.ts'
import { queries } from './queries.ts'
import { receiving } from './receiving.ts'
import { rejecting } from './rejecting.ts'
import { releasing } from './releasing.ts'
import { retention } from './retention.ts'
import { settle } from './settle.ts'
import { systems } from './systems.ts'
import { work } from './work.ts'
import { workers } from './workers.ts'

/** A table of promises. Each check is given an empty store of its own. */
export type Promises = Readonly<Record<string, (store: Store) => Promise<void>>>

const TOPICS = {
  intake,
  receiving,
  rejecting,
  releasing,
  claim,
  order,
  settle,
  failures,
  cancel,
  expiry,
  callbacks,
  keep,
  workers,
  joining,
  gates,
  systems,
  work,
  queries,
  retention,
  audit,
  accounting,
} satisfies Record<string, Promises>

type PromiseOf<Topic> = Topic extends unknown ? keyof Topic : never
export type StorePromise = PromiseOf<(typeof TOPICS)[keyof typeof TOPICS]>

export interface StoreHarness {
  readonly name: string
  /**
   * A new and empty store, of which nothing is left once it is closed. Where a store has a clock of
   * its own, this one goes by the caller's `now`.
   */
  open(): Promise<Store>
  /** The promises this store does not keep, and why it need not. */
  readonly skips?: Readonly<Partial<Record<StorePromise, string>>>
}

/** Holds one store to everything the port promises. */
export function storeContract(harness: StoreHarness): void {
  const skips: Readonly<Record<string, string | undefined>> = harness.skips ?? {}
  describe(`the store contract, kept by ${harness.name}`, () => {
    for (const [topic, promises] of Object.entries(TOPICS)) {
      describe(topic, () => {
        for (const [promise, check] of Object.entries(promises)) {
          const reason = skips[promise]
          if (reason === undefined) test(promise, () => withStore(harness, check))
          else test.skip(`${promise} (not kept: ${reason})`)
        }
      })
    }
  })
}

async function withStore({ open }: StoreHarness, check: (store: Store) => Promise<void>) {
  const store = await open()
  try {
    await check(store)
  } finally {
    await store.close()
  }
}
