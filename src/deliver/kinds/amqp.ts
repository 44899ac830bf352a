import type { Connection, Delivery, Kind, SystemContext, WriteAnswer } from '../kind.ts'
import { type AmqpConfig, config } from './amqp/config.ts'
import { judge } from './amqp/judge.ts'
import { openPublisher, type Publisher } from './amqp/publisher.ts'
import { DELIVERED, serialize } from './endings.ts'
import { writing } from './many.ts'
import { asItIs } from './names.ts'
import { SharedLine, writeOver } from './shared-line.ts'
import { compileTemplate } from './template.ts'

/**
 * An AMQP 0-9-1 broker, such as RabbitMQ: each payload becomes a persistent message, which the broker
 * has confirmed when the call succeeds. The message's id is the idempotency key, by which consumers
 * can tell a repeat.
 */
export const amqp: Kind<AmqpConfig> = { name: 'amqp', config, connect }

function connect(system: SystemContext<AmqpConfig>): Connection {
  const { routing_key, bulk } = system.config
  const routingKey = compileTemplate(routing_key, asItIs)
  const line = new SharedLine<Publisher>({
    open: (lose) => openPublisher(system, lose),
    end: (publisher) => publisher.end(),
  })

  async function publish({ call, payload }: Delivery, publisher: Publisher): Promise<WriteAnswer> {
    const text = serialize(payload)
    if (typeof text !== 'string') return text
    const { request, mapping, idempotencyKey, traceparent } = call
    try {
      await publisher.publish({
        id: idempotencyKey,
        routingKey: routingKey(call),
        content: Buffer.from(text),
        headers: {
          traceparent,
          'sluice-request-id': request,
          'sluice-mapping-id': mapping.id,
        },
      })
      return DELIVERED
    } catch (error) {
      return judge(error, 'write')
    }
  }

  return {
    read: null,
    ...writing(bulk, writeOver(line, system, publish, judge)),
    close: async () => line.end(),
  }
}
