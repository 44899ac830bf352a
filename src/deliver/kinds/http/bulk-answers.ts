import { includes, type StatusRange } from '../../../core/answers.ts'
import type { EpochMs, Json } from '../../../core/units.ts'
import type { Delivery, WriteAnswer } from '../../kind.ts'
import { type Secrets, shortened } from '../../quote.ts'
import { type Answer, answered, jsonOf, kept } from './answer.ts'
import { serialize } from './body.ts'
import type { AnswersConfig } from './bulk-config.ts'
import { isList, type Pointer, parsePointer, pick, wordOf } from './pointer.ts'
import { parseRetryAfter } from './retry-after.ts'

/** Reads what the answer to a bulk call says of each delivery, in the order of the deliveries. */
export type ReadAnswers = (
  answer: Answer,
  deliveries: readonly Delivery[],
  secrets: Secrets,
  now: EpochMs,
) => readonly WriteAnswer[]

/** @param ok the statuses that are a success */
export function compileAnswers(config: AnswersConfig, ok: readonly StatusRange[]): ReadAnswers {
  const at = (text: string | undefined) => (text === undefined ? null : parsePointer(text))
  const [list, id] = [at(config.list) ?? [], at(config.id)]
  const places = {
    status: at(config.status),
    ok: at(config.ok),
    message: at(config.message),
    result: at(config.result),
  }

  return (answer, deliveries, secrets, now) => {
    const json = jsonOf(answer, secrets)
    const items = json === undefined ? undefined : pick(json, list)
    if (!isList(items)) return deliveries.map(() => NO_LIST)
    const call = { status: answer.status, ok, retryAfter: retryAfterOf(answer, now) }
    const ordered = id === null ? items : inOrder(items, id, deliveries)
    return deliveries.map((_, position) => verdictOf(ordered[position], places, call))
  }
}

/** The items by the ids of the deliveries. Two of one id are taken to be in the order they were sent. */
function inOrder(items: readonly Json[], id: Pointer, deliveries: readonly Delivery[]) {
  const byId = Map.groupBy(items, (item) => wordOf(pick(item, id)))
  return deliveries.map(({ call }) => byId.get(call.mapping.id)?.shift())
}

interface Places {
  readonly status: Pointer | null
  readonly ok: Pointer | null
  readonly message: Pointer | null
  readonly result: Pointer | null
}

interface BulkCall {
  readonly status: number
  readonly ok: readonly StatusRange[]
  readonly retryAfter: number | null
}

function verdictOf(item: Json | undefined, places: Places, call: BulkCall): WriteAnswer {
  if (item === undefined) return NOT_MENTIONED
  const status = places.status === null ? call.status : statusOf(pick(item, places.status))
  const taken = places.ok === null ? true : pick(item, places.ok)
  if (status === null || typeof taken !== 'boolean') return UNREADABLE
  if (taken && includes(call.ok, status)) {
    const result = places.result === null ? null : (pick(item, places.result) ?? null)
    return { kind: 'delivered', result: kept(result) }
  }
  const said = places.message === null ? undefined : pick(item, places.message)
  const message = `${answered(status)} for this one of a bulk call${inWords(said)}`
  const { retryAfter } = call
  return { kind: 'refused', stage: 'write', httpStatus: status, retryAfter, message }
}

function statusOf(value: Json | undefined): number | null {
  return /^[1-5]\d\d$/.test(wordOf(value) ?? '') ? Number(value) : null
}

function inWords(said: Json | undefined): string {
  if (said === undefined || said === null) return '.'
  return `: ${shortened(typeof said === 'string' ? said : (serialize(said) ?? ''))}`
}

function retryAfterOf({ headers }: Answer, now: EpochMs): number | null {
  return parseRetryAfter(headers['retry-after'] ?? '', now)
}

const NO_LIST = unreadable('The answer to the bulk call holds no list where one should be.')
const NOT_MENTIONED = unreadable(
  'The answer to the bulk call does not say what became of this one.',
)
const UNREADABLE = unreadable('The answer to the bulk call cannot be read for this one.')

function unreadable(message: string): WriteAnswer {
  return { kind: 'unanswered', stage: 'write', code: 'invalid_response', message }
}
