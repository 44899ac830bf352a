import type { ChannelModel, ConfirmChannel } from 'amqplib'
import { openGuard } from '../../connect/guard.ts'
import { tlsOptions } from '../../connect/tls.ts'
import type { SystemContext } from '../../kind.ts'
import { addressOf } from '../address.ts'
import type { AmqpConfig } from './config.ts'
import { Unroutable } from './judge.ts'
import type { Message } from './message.ts'

const PORTS = { plain: 5672, tls: 5671 } as const

/** How often the broker and we prove to each other that we are there. */
const HEARTBEAT_SECONDS = 10

/** A connection to a broker on which messages are published, each confirmed. */
export class Publisher {
  readonly #connection: ChannelModel
  readonly #channel: ConfirmChannel
  readonly #exchange: string
  /** The ids of messages that came back; the confirmation of each follows at once. */
  readonly #returned = new Set<string>()
  /** Why the broker closed the channel: the messages under way are only told that it is closed. */
  #fault: Error | null = null

  constructor(
    connection: ChannelModel,
    channel: ConfirmChannel,
    exchange: string,
    lose: () => void,
  ) {
    this.#connection = connection
    this.#channel = channel
    this.#exchange = exchange
    channel.on('return', ({ properties }) => this.#returned.add(String(properties.messageId)))
    channel.on('error', (error) => {
      this.#fault = error
    })
    channel.on('close', () => {
      lose()
      this.end()
    })
    connection.on('close', lose)
  }

  /** Resolves when a queue has the message for good; rejects where none has it, or none may have it. */
  publish({ id, routingKey, content, headers }: Message): Promise<void> {
    const bytes = Buffer.from(content)
    return new Promise((resolve, reject) => {
      const options = {
        ...{ messageId: id, persistent: true, mandatory: true, appId: 'sluice' },
        ...{ contentType: 'application/json', headers },
      }
      this.#channel.publish(this.#exchange, routingKey, bytes, options, (error: unknown) => {
        const returned = this.#returned.delete(id)
        if (error) reject(this.#fault ?? error)
        else if (returned) reject(new Unroutable())
        else resolve()
      })
    })
  }

  end(): void {
    this.#connection.close().catch(() => {})
  }
}

/** Connects to the broker. `lose` is called when the connection is of no use any more. */
export async function openPublisher(
  { config, timeout }: SystemContext<AmqpConfig>,
  lose: () => void,
): Promise<Publisher> {
  const { default: amqplib } = await import('amqplib')
  const address = addressOf(config, config.url.startsWith('amqps') ? PORTS.tls : PORTS.plain)
  const { host, port, user, password, path } = address
  const guard = openGuard(config.allow_private)
  const refused = guard.check(host)
  if (refused !== null) throw refused
  const connection = await amqplib.connect(
    {
      protocol: address.tls ? 'amqps' : 'amqp',
      ...{ hostname: host, port, heartbeat: HEARTBEAT_SECONDS },
      ...(user !== '' && { username: user, password }),
      // The driver decodes it, as if it were still part of a URL.
      ...(path !== '' && { vhost: encodeURIComponent(path) }),
    },
    {
      ...(address.tls && tlsOptions(config.tls)),
      ...{ lookup: guard.lookup, timeout, noDelay: true },
      clientProperties: { connection_name: 'sluice' },
    },
  )
  connection.on('error', lose)
  try {
    const channel = await connection.createConfirmChannel()
    return new Publisher(connection, channel, config.exchange ?? '', lose)
  } catch (error) {
    connection.close().catch(() => {})
    throw error
  }
}
