import type { DurationMs } from '../core/units.ts'
import type { DefinedKind, OwnConnection } from './define-kind.ts'
import type { Bulk, Call, Connection, Kind, Refusal, SystemContext } from './kind.ts'
import { type CallStage, tooLate } from './kinds/endings.ts'
import { BULK_MAX } from './kinds/many.ts'
import { asRead, asWrite } from './own-answers.ts'
import { ownPreview } from './own-preview.ts'
import { quoted, type Secrets, secretsAmong } from './quote.ts'
import { within } from './within.ts'

/**
 * A kind that somebody else wrote, as one that keeps the promises of `Connection`: its calls end in
 * time and never reject, and whatever they answer is JSON of bounded size.
 *
 * @param name as the systems file calls it
 */
export function ownKind(name: string, { config, connect, preview }: DefinedKind): Kind {
  return {
    name,
    config,
    connect: (system) => orInWords(system, () => keepingPromises(connect(system), system)),
    ...(preview && { preview: (system) => ownPreview(preview(system)) }),
  }
}

/** @throws as the kind does, but names the system, and tells no secret of it */
function orInWords(system: SystemContext<unknown>, open: () => Connection): Connection {
  try {
    return open()
  } catch (error) {
    const said = quoted(wordsOf(error), secretsIn(system.config))
    throw new Error(`The kind of the system ${system.name} cannot connect it: ${said}`)
  }
}

/** Carries a call out. The signal that it gets is aborted at the deadline, too. */
type Attempt = <Answer>(
  stage: CallStage,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<Answer>,
) => Promise<Answer | Refusal>

function keepingPromises(own: OwnConnection, system: SystemContext<unknown>): Connection {
  const secrets = secretsIn(system.config)
  const attempt = attempts(system, secrets)
  const { read, bulk } = own
  return {
    read:
      read === undefined
        ? null
        : (call) =>
            attempt('read', call.signal, async (cut) =>
              asRead(await read.call(own, at(call, cut)), secrets),
            ),
    write: (call, payload) =>
      attempt('write', call.signal, async (cut) =>
        asWrite(await own.write(at(call, cut), payload), secrets),
      ),
    bulk: bulk === undefined ? null : keepingBulk(bulk, attempt, secrets),
    close: () => close(own, system),
  }
}

/** A close takes no longer. */
const CLOSE_MAX_MS: DurationMs = 1000

/** Lets it go of what is open. How that ends is nobody's concern: nothing is called afterwards. */
async function close(own: OwnConnection, { clock }: SystemContext<unknown>): Promise<void> {
  const { signal } = new AbortController()
  await within({ clock, timeout: CLOSE_MAX_MS }, signal, async () => own.close?.())
}

function keepingBulk(bulk: Bulk, attempt: Attempt, secrets: Secrets): Bulk {
  return {
    // At least one, or no call would ever be enough; and what is no number is one.
    max: Math.min(BULK_MAX, Math.max(1, Math.floor(bulk.max) || 1)),
    async writeMany(deliveries, signal) {
      const answers = await attempt('write', signal, async (cut) => {
        const given: unknown = await bulk.writeMany(deliveries, cut)
        const each = (place: number) => (Array.isArray(given) ? given[place] : given)
        return deliveries.map((_, place) => asWrite(each(place), secrets))
      })
      return 'kind' in answers ? deliveries.map(() => answers) : answers
    },
  }
}

function attempts(system: SystemContext<unknown>, secrets: Secrets): Attempt {
  return async (stage, signal, call) => {
    const ended = await within(system, signal, call)
    if (ended.kind === 'done') return ended.value
    if (ended.kind === 'interrupted') return ended
    if (ended.kind === 'timeout') return tooLate(stage, system.timeout)
    const { error } = ended
    const message = `The kind threw: ${quoted(wordsOf(error), secrets)}`
    return { kind: 'unanswered', stage, code: 'connection_failed', message }
  }
}

function wordsOf(error: unknown): string {
  const { message }: { message?: unknown } = error instanceof Error ? error : {}
  return typeof message === 'string' ? message : 'something that is no error'
}

function at(call: Call, signal: AbortSignal): Call {
  return { ...call, signal }
}

/** Any text in a config may be secret. */
function secretsIn(config: unknown): Secrets {
  const texts: string[] = []
  JSON.stringify(config, (_, value) => {
    if (typeof value === 'string') texts.push(value)
    return value
  })
  return secretsAmong(texts)
}
