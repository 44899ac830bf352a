/** A receiver of callbacks: it checks who calls, notes what it is told, and answers at once. */
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'

/** What a callback tells. */
export interface Told {
  readonly type: string
  readonly data: { readonly request_id: string; readonly failed_mappings: number }
}

/**
 * Makes the receiver.
 *
 * @param secret as the operator of Sluice has it in SLUICE_CALLBACK_SECRETS
 * @param onTold called once for each request that is finished
 */
export function createReceiver(secret: string, onTold: (told: Told) => void) {
  const webhook = new Webhook(secret)
  const seen = new Set<string>()
  return createServer(async (request, response) => {
    // The signature is that of the bytes: parse them afterwards.
    const body = await text(request)
    try {
      webhook.verify(body, request.headers as Record<string, string>)
    } catch {
      response.writeHead(401).end()
      return
    }
    response.writeHead(204).end()
    const id = String(request.headers['webhook-id'])
    // The same callback may come twice.
    if (seen.has(id)) return
    seen.add(id)
    onTold(JSON.parse(body))
  })
}
