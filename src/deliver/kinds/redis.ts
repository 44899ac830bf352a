import type { RedisClientType } from 'redis'
import { openGuard } from '../connect/guard.ts'
import { tlsOptions } from '../connect/tls.ts'
import type {
  Connection,
  Delivery,
  Kind,
  Preview,
  ShownSystem,
  SystemContext,
  WriteAnswer,
} from '../kind.ts'
import { addressOf } from './address.ts'
import { serialize } from './endings.ts'
import { writing } from './many.ts'
import { asItIs } from './names.ts'
import { config, type RedisConfig } from './redis/config.ts'
import { judge, NotConnected } from './redis/judge.ts'
import { SharedLine, writeOver } from './shared-line.ts'
import { together } from './shown.ts'
import { compileTemplate } from './template.ts'

const PORT = 6379

/**
 * A Redis stream: each payload becomes an entry. Redis cannot tell a repeat, so after a call without
 * an answer an entry may be there twice, with the same `idempotency_key`.
 */
export const redis: Kind<RedisConfig> = { name: 'redis', config, connect, preview }

function connect(system: SystemContext<RedisConfig>): Connection {
  const { stream: template, max_length, bulk } = system.config
  const streamName = compileTemplate(template, asItIs)
  const options =
    max_length === undefined
      ? {}
      : {
          TRIM: {
            strategy: 'MAXLEN' as const,
            strategyModifier: '~' as const,
            threshold: max_length,
          },
        }
  const line = new SharedLine<RedisClientType>({
    open: (lose, unwanted) => openClient(system, lose, unwanted),
    end: (client) => client.destroy(),
  })

  /** Commands that are given in one moment are sent in one go. */
  async function add(
    delivery: Delivery,
    text: string,
    client: RedisClientType,
  ): Promise<WriteAnswer> {
    const stream = streamName(delivery.call)
    const id = await client.xAdd(stream, '*', entryOf(delivery, text), options)
    return { kind: 'delivered', result: { id } }
  }

  return {
    read: null,
    ...writing(bulk, writeOver(line, system, add, judge)),
    close: async () => line.end(),
  }
}

/** The fields of an entry. */
function entryOf({ call }: Delivery, payload: string) {
  return { mapping_id: call.mapping.id, idempotency_key: call.idempotencyKey, payload }
}

function preview({ config: { stream, max_length } }: ShownSystem<RedisConfig>): Preview {
  const streamName = compileTemplate(stream, asItIs)
  const trim = max_length === undefined ? [] : ['MAXLEN', '~', String(max_length)]
  return {
    latency: null,
    read: null,
    write: together(
      ({ payload }) => serialize(payload),
      (texts, deliveries) => ({
        commands: deliveries.map((delivery, place) => {
          const entry = Object.entries(entryOf(delivery, texts[place] ?? '')).flat()
          return ['XADD', streamName(delivery.call), ...trim, '*', ...entry]
        }),
      }),
    ),
  }
}

async function openClient(
  { config, timeout }: SystemContext<RedisConfig>,
  lose: () => void,
  unwanted: AbortSignal,
): Promise<RedisClientType> {
  const { createClient } = await import('redis')
  const { tls, host, port, user, password } = addressOf(config, PORT)
  const guard = openGuard(config.allow_private)
  const refused = guard.check(host)
  if (refused !== null) throw refused
  const socket = { host, port, lookup: guard.lookup, connectTimeout: timeout }
  const client: RedisClientType = createClient({
    socket: {
      ...socket,
      ...(tls && { ...tlsOptions(config.tls), tls: true as const }),
      // What is under way then fails at once, and is tried again when its time has come.
      reconnectStrategy: false,
    },
    ...(user !== '' && { username: user }),
    ...(password !== '' && { password }),
    database: config.database ?? 0,
    disableOfflineQueue: true,
    name: 'sluice',
  })
  client.on('error', lose)
  client.on('end', lose)
  const giveUp = () => client.destroy()
  unwanted.addEventListener('abort', giveUp)
  try {
    unwanted.throwIfAborted()
    await client.connect()
  } catch (error) {
    throw new NotConnected(error)
  } finally {
    unwanted.removeEventListener('abort', giveUp)
  }
  return client
}
