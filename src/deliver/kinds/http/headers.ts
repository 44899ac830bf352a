import type { Call } from '../../kind.ts'
import { compileTemplate, varies } from '../template.ts'
import { type Auth, authHeader } from './auth.ts'
import { ACCEPTED_ENCODINGS } from './decode.ts'

/** Names and values in turn, as undici takes them fastest. */
export type Headers = readonly string[]

type Values = Readonly<Record<string, string>>

/** What the headers of one sort of call are made of. */
export interface HeaderSources {
  /** For every call to the system. */
  readonly common: Values
  /** For calls of this sort: templates, which go before the common ones. */
  readonly own: Values
  /** Goes before both. */
  readonly auth: Auth | undefined
  readonly userAgent: string
  /** Null for calls without a body. */
  readonly contentType: string | null
}

/** The headers of one call. */
export type HeaderTemplate = (call: Call) => string[]

/** Puts together, once, whatever does not differ from call to call. */
export function compileHeaders(sources: HeaderSources): HeaderTemplate {
  const { fixed, varying } = arrange(sources)
  const templates = varying.map(
    ([name, text]) => [name, compileTemplate(text, headerSafe)] as const,
  )
  return (call) => {
    const headers = fixed.concat(
      'idempotency-key',
      call.idempotencyKey,
      'traceparent',
      call.traceparent,
      'sluice-request-id',
      call.request,
      'sluice-mapping-id',
      headerSafe(call.mapping.id),
    )
    for (const [name, template] of templates) headers.push(name, template(call))
    return headers
  }
}

/** The headers of calls that no single mapping has a part in; nothing in them is a template. */
export function fixedHeaders(sources: HeaderSources): Headers {
  return arrange(sources).fixed
}

/** What is set later goes before what was set earlier. */
function arrange({ common, own, auth, userAgent, contentType }: HeaderSources) {
  const headers = new Map<string, { readonly text: string; readonly isTemplate: boolean }>()
  const set = (values: Values, areTemplates = false) => {
    for (const [name, text] of Object.entries(values)) {
      headers.set(name.toLowerCase(), { text, isTemplate: areTemplates && varies(text) })
    }
  }
  set({ accept: 'application/json', 'user-agent': userAgent })
  set({ 'accept-encoding': ACCEPTED_ENCODINGS })
  if (contentType !== null) set({ 'content-type': contentType })
  set(common)
  set(own, true)
  if (auth !== undefined) set(authHeader(auth))
  // Each call brings its token, which may be a new one.
  if (auth?.type === 'oauth2_client_credentials') headers.delete('authorization')
  const fixed: string[] = []
  const varying: (readonly [name: string, template: string])[] = []
  for (const [name, { text, isTemplate }] of headers) {
    if (isTemplate) varying.push([name, text])
    else fixed.push(name, text)
  }
  return { fixed, varying }
}

/** An id may hold any character; those that a header cannot are percent-encoded. */
function headerSafe(value: string): string {
  return /^[!-~]+$/.test(value) ? value : encodeURIComponent(value.toWellFormed())
}
