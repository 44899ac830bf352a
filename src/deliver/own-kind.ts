import type { Json } from '../core/units.ts'
import type { DefinedKind, OwnConnection } from './define-kind.ts'
import type {
  Bulk,
  Call,
  Connection,
  Kind,
  ReadAnswer,
  SystemContext,
  WriteAnswer,
} from './kind.ts'
import {
  type CallStage,
  invalidRecord,
  RECORD_BYTES_MAX,
  type Refusal,
  tooLate,
} from './kinds/endings.ts'
import { ownPreview } from './own-preview.ts'
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
    connect: (system) => keepingPromises(connect(system), system),
    ...(preview && { preview: (system) => ownPreview(preview(system)) }),
  }
}

/** Carries a call out. The signal that it gets is aborted at the deadline, too. */
type Attempt = <Answer>(
  stage: CallStage,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<Answer>,
) => Promise<Answer | Refusal>

function keepingPromises(own: OwnConnection, system: SystemContext<unknown>): Connection {
  const attempt = attempts(system)
  const { read, bulk } = own
  return {
    read:
      read === undefined
        ? null
        : async (call) => {
            const { signal } = call
            return asRead(await attempt('read', signal, (cut) => read.call(own, at(call, cut))))
          },
    async write(call, payload) {
      const { signal } = call
      return asWrite(await attempt('write', signal, (cut) => own.write(at(call, cut), payload)))
    },
    bulk: bulk === undefined ? null : keepingBulk(bulk, attempt),
    close: async () => own.close?.(),
  }
}

function keepingBulk(bulk: Bulk, attempt: Attempt): Bulk {
  return {
    max: bulk.max,
    async writeMany(deliveries, signal) {
      const answers = await attempt('write', signal, (cut) => bulk.writeMany(deliveries, cut))
      const each = (place: number) => (Array.isArray(answers) ? answers[place] : answers)
      return deliveries.map((_, place) => asWrite(each(place)))
    },
  }
}

function attempts(system: SystemContext<unknown>): Attempt {
  const secrets = textsIn(system.config)
  return async (stage, signal, call) => {
    // Async, because a function that promises something may throw before it does.
    const ended = await within(system, signal, async (cut) => call(cut))
    if (ended.kind === 'done') return ended.value
    if (ended.kind === 'interrupted') return ended
    if (ended.kind === 'timeout') return tooLate(stage, system.timeout)
    const message = `The kind threw: ${wordsOf(ended.error, secrets)}`
    return { kind: 'unanswered', stage, code: 'connection_failed', message }
  }
}

function at(call: Call, signal: AbortSignal): Call {
  return { ...call, signal }
}

function asRead(answer: ReadAnswer): ReadAnswer {
  if (!isAnswer(answer)) return notAnAnswer('read')
  if (answer.kind !== 'record') return answer
  const record = asJson(answer.record, RECORD_BYTES_MAX)
  return record === null
    ? invalidRecord(`The record is not JSON of at most ${RECORD_BYTES_MAX} bytes.`)
    : { kind: 'record', record: record.value }
}

/** A larger answer is not kept: a result is there to be looked at. */
const RESULT_BYTES_MAX = 4096

function asWrite(answer: WriteAnswer): WriteAnswer {
  if (!isAnswer(answer)) return notAnAnswer('write')
  if (answer.kind !== 'delivered') return answer
  const result = asJson(answer.result, RESULT_BYTES_MAX)
  return {
    kind: 'delivered',
    result: result === null ? '(no JSON, or too large to keep)' : result.value,
  }
}

const ANSWERS: ReadonlySet<string> = new Set<ReadAnswer['kind'] | WriteAnswer['kind']>([
  ...(['record', 'delivered', 'refused', 'declined', 'unanswered', 'impossible'] as const),
  ...(['misconfigured', 'interrupted'] as const),
])

/** Not everybody lets a compiler look at what they wrote. */
function isAnswer(answer: unknown): boolean {
  const { kind } = (answer ?? {}) as { kind?: unknown }
  return typeof kind === 'string' && ANSWERS.has(kind)
}

function notAnAnswer(stage: CallStage): Refusal {
  const message = 'The kind gave something that is no answer.'
  return { kind: 'unanswered', stage, code: 'invalid_response', message }
}

/** Wrapped, because null is a value; null where it is not JSON, or too large. Nothing is null, too. */
function asJson(value: unknown, bytesMax: number): { readonly value: Json } | null {
  try {
    const text = JSON.stringify(value ?? null)
    return Buffer.byteLength(text) <= bytesMax ? { value: JSON.parse(text) } : null
  } catch {
    return null
  }
}

const WORDS_LENGTH_MAX = 200

/** What an error says, without what could be a secret of ours. */
function wordsOf(error: unknown, secrets: readonly string[]): string {
  let words = error instanceof Error ? error.message : 'something that is no error'
  for (const secret of secrets) words = words.replaceAll(secret, '[secret]')
  return words
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .slice(0, WORDS_LENGTH_MAX)
    .toWellFormed()
}

/** Shorter ones would be found everywhere, and hiding them would garble more than it hides. */
const SECRET_LENGTH_MIN = 8

/** Every text in a config, the longest first: one may be a part of another. */
function textsIn(config: unknown): string[] {
  const texts: string[] = []
  JSON.stringify(config, (_, value) => {
    if (typeof value === 'string' && value.length >= SECRET_LENGTH_MIN) texts.push(value)
    return value
  })
  return texts.sort((a, b) => b.length - a.length)
}
