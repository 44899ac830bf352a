/**
 * What a kind of your own is made with; `sluice/kind` is this file. docs/kinds.md shows one.
 */
import type { Static, TObject } from 'typebox'
import type { Json, JsonObject } from '../core/units.ts'
import type { Bulk, Call, ReadAnswer, ShownSystem, SystemContext, WriteAnswer } from './kind.ts'

export { Type } from 'typebox'
export type { Json, JsonObject } from '../core/units.ts'
export type {
  Bulk,
  Call,
  Delivery,
  ReadAnswer,
  ShownSystem,
  SystemContext,
  WriteAnswer,
} from './kind.ts'

/** How one kind of system is spoken to. */
export interface KindDefinition<Config extends TObject> {
  /** What an entry of the systems file may hold, beyond what every system has. */
  readonly config: Config
  /**
   * Makes a connection to one system. Called once for each, with a config that `config` accepted; it
   * must not touch the network yet.
   */
  connect(system: SystemContext<Static<Config>>): OwnConnection
  /**
   * Shows calls as they would be made, to whoever rehearses a request. Its config is that of the systems
   * file with `***` in the place of what came from the environment or from files; what else in it had
   * better not be seen is for you to leave out. Leave it out where there is nothing to show.
   */
  preview?(system: ShownSystem<Static<Config>>): OwnPreview
}

/** Calls in whatever form tells best what they are: any JSON object, of at most 20,000 characters. */
export interface OwnPreview {
  /** The call that would read a mapping's record. */
  read?(call: Call): JsonObject
  /** The call that would hand over a payload. */
  write?(call: Call, payload: Json): JsonObject
}

/**
 * A live system. A call that throws, or takes longer than the system's timeout, has not answered, and
 * is tried again: so do not catch what you cannot explain, and do nothing twice that must be done once
 * without a look at `call.idempotencyKey`. Heed `call.signal`.
 */
export interface OwnConnection {
  /** Fetches a mapping's record. Leave it out where there is nothing to read. */
  read?(call: Call): Promise<ReadAnswer>
  /** Hands over a payload. */
  write(call: Call, payload: Json): Promise<WriteAnswer>
  /** Hands over many at once. Leave it out where they are taken one by one. */
  readonly bulk?: Bulk
  /** Lets go of what is open, within a second. */
  close?(): Promise<void>
}

/** Tells a definition from whatever else a file may export; the same in every copy of this package. */
export const DEFINED: unique symbol = Symbol.for('sluice.kind')

/** A definition, as the default export of its file. */
export interface DefinedKind extends KindDefinition<TObject> {
  readonly [DEFINED]: true
}

/** Defines a kind of your own. Its file exports what this returns as its default. */
export function defineKind<Config extends TObject>(
  definition: KindDefinition<Config>,
): DefinedKind {
  return { ...definition, [DEFINED]: true }
}
