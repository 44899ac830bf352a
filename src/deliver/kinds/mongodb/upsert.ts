import type { Collection, Document, MongoBulkWriteError, WriteError } from 'mongodb'
import type { Delivery, Impossible, WriteAnswer } from '../../kind.ts'
import { DELIVERED, invalidPayload, serialize } from '../endings.ts'
import { judge } from './judge.ts'

/** A document on its way, and where its answer goes. */
export interface Replacement {
  readonly place: number
  readonly document: Document
}

/** What a payload becomes. Where it lacks the key, that is the mapping's id. */
export function replacementOf(
  { call, payload }: Delivery,
  place: number,
  key: string,
): Replacement | Impossible {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    return invalidPayload('The payload must be an object, to become a document.')
  }
  if (Object.keys(payload).some((field) => field.startsWith('$'))) {
    return invalidPayload('No field of a document may begin with $.')
  }
  const text = serialize(payload)
  if (typeof text !== 'string') return text
  const document: Document = { [key]: call.mapping.id, ...payload }
  // Anything else could be a query of its own in the place of a value.
  return ['string', 'number'].includes(typeof document[key])
    ? { place, document }
    : invalidPayload(`The key "${key}" must be a text or a number.`)
}

/** Puts a document in the place of the one of its key, or adds it. */
export function operationOf<D extends Document>(replacement: D, key: string) {
  return {
    replaceOne: { filter: { [key]: { $eq: replacement[key] } }, replacement, upsert: true },
  }
}

/** What all documents of one call share. */
interface Upserting {
  /** The field by which a document is known. */
  readonly key: string
  /** Each is noted as soon as it is known, for the work may be cut off in between. */
  readonly answers: WriteAnswer[]
  /** Nothing is sent any more: all have been told that it came to nothing. */
  readonly cut: AbortSignal
}

/**
 * Writes all documents with one command; each gets its own answer, and where one spoils the command
 * for all, each its own command.
 */
export async function upsert(
  collection: Collection,
  replacements: readonly Replacement[],
  upserting: Upserting,
): Promise<void> {
  const { key, answers, cut } = upserting
  cut.throwIfAborted()
  const operations = replacements.map(({ document }) => operationOf(document, key))
  try {
    await collection.bulkWrite(operations, { ordered: false })
    for (const { place } of replacements) answers[place] = DELIVERED
  } catch (error) {
    const failed = writeErrors(error)
    if (failed.size > 0) {
      for (const [at, { place }] of replacements.entries()) {
        const fault = failed.get(at)
        answers[place] = fault === undefined ? DELIVERED : judge(fault, 'write')
      }
      return
    }
    const refusal = judge(error, 'write')
    const isAboutData = refusal.kind === 'declined' && refusal.manner === 'rejected'
    if (!isAboutData || replacements.length === 1) throw error
    for (const one of replacements) await upsertAlone(collection, one, upserting)
  }
}

async function upsertAlone(
  collection: Collection,
  replacement: Replacement,
  upserting: Upserting,
): Promise<void> {
  try {
    await upsert(collection, [replacement], upserting)
  } catch (error) {
    upserting.answers[replacement.place] = judge(error, 'write')
  }
}

/** By the position of the document; none where the command failed as a whole. */
function writeErrors(error: unknown): ReadonlyMap<number, WriteError> {
  const isPartial = error instanceof Error && error.name === 'MongoBulkWriteError'
  // The driver is loaded when it is needed, and so is not there to compare classes with.
  const list = isPartial ? [(error as MongoBulkWriteError).writeErrors].flat() : []
  return new Map(list.map((fault) => [fault.index, fault]))
}
