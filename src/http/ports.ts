import type { DurationMs } from '../core/units.ts'
import type { IntakePorts } from '../intake/accept.ts'
import type { IntakeLimits } from '../intake/read.ts'
import type { RehearsalPorts } from '../intake/rehearse.ts'
import type { UploadEnding, UploadOrder } from '../intake/upload.ts'
import type { Emit } from '../observe/events.ts'
import type { ControlStore, IntakeStore, OperatorStore, QueryStore, Store } from '../store/store.ts'
import type { DownloadOrder } from './results/download.ts'
import type { SystemDescription } from './system.ts'
import type { UploadTimeouts } from './uploads.ts'

/** What the API server is made of. */
export interface HttpPorts extends IntakePorts, RehearsalPorts {
  /** Takes a request from a body of any form and size, or plans it, away from this thread. */
  readonly upload: (order: UploadOrder, body: AsyncIterable<Uint8Array>) => Promise<UploadEnding>
  readonly store: IntakeStore & ControlStore & QueryStore & OperatorStore & Pick<Store, 'kind'>
  /** What the systems file says of a system; null where there is none of this name. */
  readonly describe: (system: string) => SystemDescription | null
  readonly emit: Emit
  /** Writes results as text, away from this thread. */
  readonly download: (order: DownloadOrder) => AsyncGenerator<Uint8Array, void>
  readonly limits: HttpLimits
  /** A worker takes no requests: it only says how it is. */
  readonly offers: 'everything' | 'health'
  readonly host: string
  /** By which it goes beside those of this machine; null for any. */
  readonly names: readonly string[] | null
  /** 0 takes any that is free. */
  readonly port: number
  /** Of Sluice itself. */
  readonly version: string
  /** Whose requests they are, as long as nobody is authenticated. */
  readonly tenant: string
  readonly timeouts: Timeouts
}

export interface HttpLimits extends IntakeLimits {
  /** Bytes of one body of JSON, and of one that is read as it comes. */
  readonly maxBody: number
  readonly maxStream: number
  /** Large bodies that may be received at once. */
  readonly maxUploads: number
  /** Mappings that may be open before new ones are turned away. */
  readonly maxBacklog: number
  readonly maxConnections: number
  /** Clients that may follow requests at once. */
  readonly maxStreams: number
  /** Results that may be downloaded at once. */
  readonly maxDownloads: number
}

/** How long a client may take; all of them must be set, for each alone leaves a hole. */
export interface Timeouts {
  /** To send its headers. */
  readonly headers: DurationMs
  /** To send all of a request, but for a large body. */
  readonly request: DurationMs
  readonly upload: UploadTimeouts
  /** How late a slow client may be noticed. */
  readonly check: DurationMs
  /** To send another request on the same connection; longer than load balancers keep theirs. */
  readonly keepAlive: DurationMs
}

/**
 * Half headers are cut off within 10 s, half bodies within 30 s. A large body may take as long as its
 * client goes on sending, but less than its Idempotency-Key is kept.
 */
export const TIMEOUTS: Timeouts = {
  headers: 9000,
  request: 29_000,
  upload: { silence: 29_000, whole: 12 * 3_600_000, afterwards: 10_000 },
  check: 500,
  keepAlive: 72_000,
}
