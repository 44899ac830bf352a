import type { DurationMs } from '../core/units.ts'
import type { IntakeLimits, IntakePorts } from '../intake/accept.ts'
import type { RehearsalPorts } from '../intake/rehearse.ts'
import type { Emit } from '../observe/events.ts'
import type { IntakeStore, OperatorStore, QueryStore, Store } from '../store/store.ts'
import type { SystemDescription } from './system.ts'

/** What the API server is made of. */
export interface HttpPorts extends IntakePorts, RehearsalPorts {
  readonly store: IntakeStore & QueryStore & OperatorStore & Pick<Store, 'kind'>
  /** What the systems file says of a system; null where there is none of this name. */
  readonly describe: (system: string) => SystemDescription | null
  readonly emit: Emit
  readonly limits: HttpLimits
  /** A worker takes no requests: it only says how it is. */
  readonly offers: 'everything' | 'health'
  readonly host: string
  /** 0 takes any that is free. */
  readonly port: number
  /** Of Sluice itself. */
  readonly version: string
  /** Whose requests they are, as long as nobody is authenticated. */
  readonly tenant: string
  readonly timeouts: Timeouts
}

export interface HttpLimits extends IntakeLimits {
  /** Bytes of one body. */
  readonly maxBody: number
  /** Mappings that may be open before new ones are turned away. */
  readonly maxBacklog: number
  readonly maxConnections: number
}

/** How long a client may take; all of them must be set, for each alone leaves a hole. */
export interface Timeouts {
  /** To send its headers. */
  readonly headers: DurationMs
  /** To send all of a request. */
  readonly request: DurationMs
  /** How late a slow client may be noticed. */
  readonly check: DurationMs
  /** To send another request on the same connection; longer than load balancers keep theirs. */
  readonly keepAlive: DurationMs
}

/** Half headers are cut off within 10 s, half bodies within 30 s. */
export const TIMEOUTS: Timeouts = { headers: 9000, request: 29_000, check: 500, keepAlive: 72_000 }
