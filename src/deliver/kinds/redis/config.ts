import Type, { type Static } from 'typebox'
import { AllowPrivate } from '../../connect/guard.ts'
import { Tls } from '../../connect/tls.ts'
import { addressProperties } from '../address.ts'
import { BulkConfig } from '../many.ts'
import { NameConfig } from '../names.ts'

/** What the systems file may say of a Redis server. */
export const config = Type.Object({
  /** `redis://user:password@host:6379`; with `rediss://` over TLS. */
  ...addressProperties('redis', 'rediss'),
  tls: Type.Optional(Tls),
  /** One of the server's numbered databases; the first where it is left out. */
  database: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
  /** The stream to add to. */
  stream: NameConfig(512),
  /** About how many entries the stream keeps; without it, all. */
  max_length: Type.Optional(Type.Integer({ minimum: 1, maximum: 1e12 })),
  bulk: Type.Optional(BulkConfig),
  allow_private: Type.Optional(AllowPrivate),
})

export type RedisConfig = Static<typeof config>
