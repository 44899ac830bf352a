import type {
  Connection,
  Delivery,
  Kind,
  Preview,
  ShownSystem,
  SystemContext,
  WriteAnswer,
} from '../kind.ts'
import { within } from '../within.ts'
import { refusalOf } from './endings.ts'
import { writing } from './many.ts'
import { type Line, openClient } from './mongodb/client.ts'
import { config, type MongodbConfig } from './mongodb/config.ts'
import { judge } from './mongodb/judge.ts'
import { operationOf, type Replacement, replacementOf, upsert } from './mongodb/upsert.ts'
import { SharedLine } from './shared-line.ts'
import { together } from './shown.ts'

/** A MongoDB collection: each payload takes the place of the document of its key, or is added. */
export const mongodb: Kind<MongodbConfig> = { name: 'mongodb', config, connect, preview }

const KEY_DEFAULT = '_id'

function connect(system: SystemContext<MongodbConfig>): Connection {
  const { timeout } = system
  const { database, collection, key = KEY_DEFAULT, bulk } = system.config
  const line = new SharedLine<Line>({
    open: (lose) => openClient(system, lose),
    end: ({ client }) => void client.close().catch(() => {}),
  })

  async function writeMany(deliveries: readonly Delivery[], signal: AbortSignal) {
    const answers: WriteAnswer[] = []
    const replacements: Replacement[] = []
    for (const [place, delivery] of deliveries.entries()) {
      const replacement = replacementOf(delivery, place, key)
      if ('document' in replacement) replacements.push(replacement)
      else answers[place] = replacement
    }
    if (replacements.length === 0) return answers
    const ended = await within(system, signal, async (cut) => {
      const opened = await line.get()
      try {
        const documents = opened.client.db(database).collection(collection)
        await upsert(documents, replacements, { key, answers, cut })
      } catch (error) {
        throw opened.strayed ?? error
      }
    })
    if (ended.kind !== 'done') {
      const refusal = refusalOf(ended, 'write', timeout, judge)
      for (const { place } of replacements) answers[place] ??= refusal
    }
    // A copy: work that was cut off may still note an answer.
    return answers.slice()
  }

  return {
    read: null,
    ...writing(bulk, writeMany),
    close: async () => line.end(),
  }
}

function preview({ config }: ShownSystem<MongodbConfig>): Preview {
  const { database, collection, key = KEY_DEFAULT } = config
  return {
    latency: null,
    read: null,
    write: together(
      (delivery) => {
        const replacement = replacementOf(delivery, 0, key)
        return 'document' in replacement ? JSON.stringify(replacement.document) : replacement
      },
      (documents) => ({
        ...{ database, collection },
        bulkWrite: documents.map((text) => operationOf(JSON.parse(text), key)),
        ordered: false,
      }),
    ),
  }
}
