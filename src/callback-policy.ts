import { addressFault, parseRange } from './deliver/connect/addresses.ts'
import type { CallbackPolicy } from './intake/callback.ts'

/** What the settings say of callbacks, as it can be handed to another thread. */
export interface CallbackSettings {
  /** There is a secret to sign them with. */
  readonly areSigned: boolean
  /** The ranges of addresses, beside the public internet, that they may go to. */
  readonly allowPrivate: readonly string[]
}

/** What intake must know of callbacks: whether there are any, and which addresses they may go to. */
export function callbackPolicy({ areSigned, allowPrivate }: CallbackSettings): CallbackPolicy {
  const allowed = allowPrivate.map(parseRange).filter((range) => range !== null)
  return { areSigned, addressFault: (address) => addressFault(address, allowed) }
}
