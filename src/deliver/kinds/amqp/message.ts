import type { Delivery, Impossible } from '../../kind.ts'
import { asItIs } from '../names.ts'
import { compileTemplate } from '../template.ts'
import { type AmqpConfig, NAME_LENGTH_MAX } from './config.ts'

/** One message. */
export interface Message {
  /** Must be of no other message under way. */
  readonly id: string
  readonly routingKey: string
  readonly content: string
  readonly headers: Readonly<Record<string, string>>
}

/** Says what message becomes of a payload that was written as `content`. */
export function compileMessage({
  routing_key,
}: AmqpConfig): (delivery: Delivery, content: string) => Message | Impossible {
  const keyOf = compileTemplate(routing_key, asItIs)
  return ({ call }, content) => {
    const routingKey = keyOf(call)
    // The driver would write it all the same, and the broker end the connection, with all that is on it.
    if (Buffer.byteLength(routingKey) > NAME_LENGTH_MAX) return KEY_TOO_LONG
    const headers = {
      traceparent: call.traceparent,
      'sluice-request-id': call.request,
      'sluice-mapping-id': call.mapping.id,
    }
    return { id: call.idempotencyKey, routingKey, content, headers }
  }
}

const KEY_TOO_LONG: Impossible = {
  kind: 'impossible',
  stage: 'write',
  code: 'invalid_routing_key',
  message: `With this mapping the routing key would be longer than ${NAME_LENGTH_MAX} bytes.`,
}
