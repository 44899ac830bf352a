import type { Bulk, Delivery, WriteAnswer } from '../../kind.ts'
import { invalidPayload } from '../endings.ts'
import type { Answer } from './answer.ts'
import { serialize, TOO_DEEP } from './body.ts'
import { compileAnswers } from './bulk-answers.ts'
import type { BulkConfig } from './bulk-config.ts'
import type { Calls } from './calls.ts'
import { withLearned } from './rate-headers.ts'
import type { Requests } from './requests.ts'

/** Hands over many payloads in one call, and tells from its answer what became of each. */
export function openBulk(
  { max, answers }: BulkConfig,
  request: NonNullable<Requests['bulk']>,
  calls: Calls,
): Bulk {
  const readAnswers = answers === undefined ? null : compileAnswers(answers, calls.ok)

  async function send(
    deliveries: readonly Delivery[],
    texts: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly WriteAnswer[]> {
    if (texts.length > 1 && lengthOf(texts) > TEXT_MAX) return deliveries.map(() => TOO_MUCH)
    const answer = await calls.make(request(deliveries, texts), 'write', signal)
    if (answer.kind === 'answer') return read(answer, deliveries)
    const isDivisible = answer.kind === 'refused' && ABOUT_CONTENT.has(answer.httpStatus)
    const refusal = isDivisible ? { ...answer, divisible: true as const } : answer
    return deliveries.map(() => refusal)
  }

  function read(answer: Answer, deliveries: readonly Delivery[]): readonly WriteAnswer[] {
    const now = calls.now()
    const answers =
      readAnswers === null
        ? deliveries.map(() => (answer.status === MULTI_STATUS ? UNREADABLE : TAKEN))
        : readAnswers(answer, deliveries, calls.secrets(), now)
    return answers.map((one) => withLearned(one, answer.headers, now))
  }

  return {
    max,
    async writeMany(deliveries, signal) {
      const texts = deliveries.map(({ payload }) => serialize(payload))
      const fit = deliveries.filter((_, at) => texts[at] !== null)
      const sendable = texts.filter((text) => text !== null)
      const answers = fit.length === 0 ? [] : await send(fit, sendable, signal)
      const byDelivery = new Map(fit.map((delivery, at) => [delivery, answers[at]]))
      return deliveries.map((delivery) => byDelivery.get(delivery) ?? UNFIT)
    },
  }
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((sum, { length }) => sum + length, 0)
}

/** How many characters of payloads go into one call, unless it holds but one: all of it is in memory. */
const TEXT_MAX = 16_000_000

const TOO_MUCH: WriteAnswer = {
  kind: 'impossible',
  stage: 'write',
  code: 'invalid_payload',
  message: `The payloads of one call are longer than ${TEXT_MAX} characters together.`,
  divisible: true,
}

/** Bad syntax, too large, bad content: one payload among many is enough for it. */
const ABOUT_CONTENT = new Set([400, 413, 422])

/** Whose answer tells of each mapping by itself. */
const MULTI_STATUS = 207

const TAKEN: WriteAnswer = { kind: 'delivered', result: null }

const UNFIT = invalidPayload(TOO_DEEP)

/** To take it for a success would lose those that were refused. */
const UNREADABLE: WriteAnswer = {
  kind: 'misconfigured',
  stage: 'write',
  code: 'bulk_answers_unknown',
  message:
    'Answered 207 Multi-Status, which tells of each mapping by itself; ' +
    'bulk.answers in the systems file must say how to read that.',
}
