import Type, { type Static } from 'typebox'
import { AllowPrivate } from '../../connect/guard.ts'
import { Tls } from '../../connect/tls.ts'
import { addressProperties } from '../address.ts'
import { BulkConfig } from '../many.ts'
import { NameConfig } from '../names.ts'

/** What AMQP has room for in a name, in bytes. */
export const NAME_LENGTH_MAX = 255

/** What the systems file may say of an AMQP 0-9-1 broker, such as RabbitMQ. */
export const config = Type.Object({
  /** `amqp://user:password@host:5672/virtual-host`; with `amqps://` over TLS. */
  ...addressProperties('amqp', 'amqps'),
  tls: Type.Optional(Tls),
  /** Without one, the exchange that takes every message to the queue of its routing key. */
  exchange: Type.Optional(Type.String({ minLength: 1, maxLength: NAME_LENGTH_MAX })),
  routing_key: NameConfig(NAME_LENGTH_MAX),
  bulk: Type.Optional(BulkConfig),
  allow_private: Type.Optional(AllowPrivate),
})

export type AmqpConfig = Static<typeof config>
