import { isIP } from 'node:net'
import { CALLBACK_URL_LENGTH_MAX } from './options.ts'

/** What intake must know of callbacks. */
export interface CallbackPolicy {
  /** There is a secret to sign them with: or else there are none. */
  readonly areSigned: boolean
  /**
   * Why no callback may go to an IP address: it hands out credentials of machines, or it is not of the
   * public internet, and not allowed for all that; null where one may.
   */
  readonly addressFault: (address: string) => 'metadata' | 'private' | null
}

/** Where a callback goes, as `URL` writes it; or what is wrong with it, and how to mend it. */
export type CallbackUrl =
  | { readonly ok: true; readonly url: string }
  | {
      readonly ok: false
      readonly code: 'callbacks_not_configured' | 'forbidden_url'
      readonly detail: string
    }

/** No host name that can be looked up is longer. */
const HOST_LENGTH_MAX = 253

/** Judges where a caller wants to be told, as far as that can be without asking anybody. */
export function checkCallback(text: string, policy: CallbackPolicy): CallbackUrl {
  if (!policy.areSigned) {
    const detail =
      'Callbacks are not set up here: the operator must set SLUICE_CALLBACK_SECRETS first. Leave it out, or follow the status.'
    return { ok: false, code: 'callbacks_not_configured', detail }
  }
  const url = FORM.test(text) ? URL.parse(text) : null
  const detail = url === null ? NOT_A_URL : faultOf(url, policy)
  if (url === null || detail !== null) {
    return { ok: false, code: 'forbidden_url', detail: detail ?? NOT_A_URL }
  }
  return { ok: true, url: url.href }
}

/** Printable ASCII from its host on, without what `URL` would read as something else. */
const FORM = /^https?:\/\/(?!\/)[!-[\]-~]+$/i

const NOT_A_URL =
  'This must be an http:// or https:// URL, with whatever is not printable ASCII percent-encoded.'

function faultOf(url: URL, { addressFault }: CallbackPolicy): string | null {
  if (url.username !== '' || url.password !== '') {
    return 'Leave credentials out: they would be shown in every status. The signature says who calls.'
  }
  if (url.hash !== '' || url.href.endsWith('#')) return 'Leave the fragment out: it is never sent.'
  if (url.port === '0') return 'There is no port 0.'
  if (url.href.length > CALLBACK_URL_LENGTH_MAX || url.hostname.length > HOST_LENGTH_MAX) {
    return `This must have at most ${CALLBACK_URL_LENGTH_MAX} characters, its host ${HOST_LENGTH_MAX}.`
  }
  const address = addressOf(url)
  const fault = address === null ? null : addressFault(address)
  return fault === null ? null : FAULTS[fault]
}

/** The address that a host is, or is sure to be at; null for a name that must be looked up. */
function addressOf({ hostname }: URL): string | null {
  if (/(^|\.)localhost\.?$/.test(hostname)) return '127.0.0.1'
  const host = hostname.replace(/^\[|\]$/g, '')
  return isIP(host) === 0 ? null : host
}

const FAULTS = {
  metadata: 'This address hands out credentials of machines, and is never called.',
  private:
    'This address is not of the public internet. If it is meant, the operator can allow it with SLUICE_CALLBACK_ALLOW_PRIVATE.',
} as const
