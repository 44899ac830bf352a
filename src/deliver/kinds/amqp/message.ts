import type { Delivery } from '../../kind.ts'
import { asItIs } from '../names.ts'
import { compileTemplate } from '../template.ts'
import type { AmqpConfig } from './config.ts'

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
}: AmqpConfig): (delivery: Delivery, content: string) => Message {
  const routingKey = compileTemplate(routing_key, asItIs)
  return ({ call }, content) => ({
    id: call.idempotencyKey,
    routingKey: routingKey(call),
    content,
    headers: {
      traceparent: call.traceparent,
      'sluice-request-id': call.request,
      'sluice-mapping-id': call.mapping.id,
    },
  })
}
