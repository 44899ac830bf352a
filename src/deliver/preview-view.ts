import type { MappingPreview, SharedCall } from '../core/preview.ts'
import { grouped } from '../core/quantity.ts'
import type { Json, JsonObject } from '../core/units.ts'
import type { MappingError } from '../core/verdict.ts'
import type { Call, Impossible, Shown } from './kind.ts'
import type { Transformed } from './transform/job.ts'

/** One mapping, as far as it is told: all but how it is written. */
export interface Draft {
  readonly call: Call
  readonly record: MappingPreview['record']
  /** Null where nothing is read. */
  readonly read: Shown | null
  readonly shaped: Shaped
}

/** What becomes of a record; `unread`: the payload is the record itself, which is not known. */
export type Shaped = Transformed | { readonly kind: 'unread' }

/** How a payload is written. */
export interface Written extends Omit<SharedCall, 'call'> {
  readonly shown: Shown
}

/** Neither a payload nor a call is shown that is longer than this as JSON. */
const SHOWN_CHARACTERS_MAX = 20_000

/** What people see of one mapping. */
export function previewOf(
  { call, record, read, shaped }: Draft,
  written: Written | null,
): MappingPreview {
  const { id, source, target } = call.mapping
  const payload = payloadOf(shaped)
  const reading = callOf(read)
  const writing = callOf(written?.shown ?? null)
  return {
    ...{ id, source, target, record },
    payload: payload.value,
    unread: unreadOf(shaped),
    read: reading.value,
    write: writing.value && written && { ...sharedOf(written), call: writing.value },
    error: errorOf([read, shaped, written?.shown ?? null]),
    notes: [reading, payload, writing].flatMap(({ note }) => note ?? []),
  }
}

/** Something to be shown, or why it is not. */
interface Visible<T> {
  readonly value: T | null
  readonly note?: string
}

const NOTHING = { value: null }

function payloadOf(shaped: Shaped): Visible<Json> {
  switch (shaped.kind) {
    case 'payload':
      return unlessTooLarge(shaped.payload, 'The payload')
    case 'unread':
      return { value: null, note: 'The payload is the record itself, which is not read now.' }
    case 'interrupted':
      return { value: null, note: 'The expressions could not be computed in time to be shown.' }
    case 'impossible':
      return NOTHING
  }
}

function callOf(shown: Shown | null): Visible<JsonObject> {
  switch (shown?.kind) {
    case 'call':
      return unlessTooLarge(shown.call, 'The call')
    case 'hidden':
      return { value: null, note: shown.because }
    default:
      return NOTHING
  }
}

function unlessTooLarge<T extends Json>(value: T, what: string): Visible<T> {
  const { length } = JSON.stringify(value)
  if (length <= SHOWN_CHARACTERS_MAX) return { value }
  const note = `${what} is too large to be shown: ${grouped(length)} characters of JSON.`
  return { value: null, note }
}

function unreadOf(shaped: Shaped): readonly string[] {
  if (shaped.kind === 'unread') return ['#']
  return shaped.kind === 'payload' ? (shaped.unread ?? []) : []
}

function sharedOf({ mappings, together }: Written): Omit<SharedCall, 'call'> {
  return { mappings, together }
}

/** The first step that cannot be done ends the attempt. */
function errorOf(steps: readonly (Shown | Shaped | null)[]): MappingError | null {
  const failed = steps.find((step): step is Impossible => step?.kind === 'impossible')
  if (failed === undefined) return null
  const { code, message, stage } = failed
  return { code, message, stage, httpStatus: null }
}
