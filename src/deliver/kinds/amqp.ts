import type { Connection, Delivery, Kind, Preview, ShownSystem, SystemContext } from '../kind.ts'
import { type AmqpConfig, config } from './amqp/config.ts'
import { judge } from './amqp/judge.ts'
import { compileMessage } from './amqp/message.ts'
import { openPublisher, type Publisher } from './amqp/publisher.ts'
import { DELIVERED, serialize } from './endings.ts'
import { writing } from './many.ts'
import { SharedLine, writeOver } from './shared-line.ts'
import { together } from './shown.ts'

/**
 * An AMQP 0-9-1 broker, such as RabbitMQ: each payload becomes a persistent message, which the broker
 * has confirmed when the call succeeds. The message's id is the idempotency key, by which consumers
 * can tell a repeat.
 */
export const amqp: Kind<AmqpConfig> = { name: 'amqp', config, connect, preview }

function connect(system: SystemContext<AmqpConfig>): Connection {
  const messageOf = compileMessage(system.config)
  const line = new SharedLine<Publisher>({
    open: (lose) => openPublisher(system, lose),
    end: (publisher) => publisher.end(),
  })

  async function publish(delivery: Delivery, text: string, publisher: Publisher) {
    const message = messageOf(delivery, text)
    if ('kind' in message) return message
    await publisher.publish(message)
    return DELIVERED
  }

  return {
    read: null,
    ...writing(system.config.bulk, writeOver(line, system, publish, judge)),
    close: async () => line.end(),
  }
}

function preview({ config }: ShownSystem<AmqpConfig>): Preview {
  const messageOf = compileMessage(config)
  return {
    latency: null,
    read: null,
    write: together(
      (delivery) => {
        const text = serialize(delivery.payload)
        const message = typeof text === 'string' ? messageOf(delivery, text) : text
        return 'kind' in message ? message : message.content
      },
      (texts, deliveries) => ({
        exchange: config.exchange ?? '',
        messages: deliveries.flatMap((delivery, place) => {
          const message = messageOf(delivery, texts[place] ?? '')
          if ('kind' in message) return []
          const { id, routingKey, content, headers } = message
          return { routing_key: routingKey, message_id: id, headers, body: content }
        }),
      }),
    ),
  }
}
