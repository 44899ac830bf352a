import { Webhook } from 'standardwebhooks'
import type { EpochMs } from '../../core/units.ts'

/** The headers by which a receiver can tell that a message is ours, and new; names and values in turn. */
export type Sign = (id: string, body: string, at: EpochMs) => readonly string[]

/** Signs with each of these secrets: a receiver that is about to change to another knows one of them. */
export function signer(secrets: readonly string[]): Sign {
  const webhooks = secrets.map((secret) => new Webhook(secret))
  return (id, body, at) => [
    ...['webhook-id', id],
    ...['webhook-timestamp', String(Math.floor(at / 1000))],
    ...['webhook-signature', webhooks.map((one) => one.sign(id, new Date(at), body)).join(' ')],
  ]
}
