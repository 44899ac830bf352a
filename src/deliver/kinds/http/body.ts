import type { Json, JsonObject } from '../../../core/units.ts'

/** The forms in which a payload can be sent. */
export const BODY_FORMS = ['json', 'form', 'text'] as const
export type BodyForm = (typeof BODY_FORMS)[number]

/** How a body of each form is announced. */
export const CONTENT_TYPES: Readonly<Record<BodyForm, string>> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  text: 'text/plain; charset=utf-8',
}

/** A payload as it goes over the wire, or why it cannot. */
export type Body =
  | { readonly kind: 'body'; readonly text: string }
  | { readonly kind: 'unfit'; readonly message: string }

/** Writes a payload in the form that a system takes. Never throws. */
export const ENCODERS: Readonly<Record<BodyForm, (payload: Json) => Body>> = {
  json(payload) {
    const text = serialize(payload)
    return text === null ? unfit(TOO_DEEP) : { kind: 'body', text }
  },
  form(payload) {
    if (!isFlat(payload)) {
      return unfit('A form is made of an object whose values are texts, numbers, booleans or null.')
    }
    const form = new URLSearchParams()
    for (const [name, value] of Object.entries(payload))
      form.append(name.toWellFormed(), textOf(value))
    return { kind: 'body', text: form.toString() }
  },
  text(payload) {
    if (typeof payload === 'object')
      return unfit('A text is made of a text, a number or a boolean.')
    return { kind: 'body', text: textOf(payload) }
  },
}

/** Why a payload cannot be written as JSON. */
export const TOO_DEEP = 'The payload is nested too deeply, or is too large, to be written as JSON.'

function unfit(message: string): Body {
  return { kind: 'unfit', message }
}

/** Null where it cannot be: a record from a source may be nested without bound. */
export function serialize(payload: Json): string | null {
  try {
    return JSON.stringify(payload)
  } catch {
    return null
  }
}

function isFlat(payload: Json): payload is JsonObject {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return false
  return Object.values(payload).every((value) => typeof value !== 'object' || value === null)
}

function textOf(value: Json): string {
  return value === null ? '' : String(value).toWellFormed()
}
