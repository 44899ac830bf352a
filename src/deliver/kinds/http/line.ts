import { Agent, Pool } from 'undici'
import { parseSize } from '../../../core/quantity.ts'
import type { DurationMs } from '../../../core/units.ts'
import type { Clock } from '../../../lib/clock.ts'
import { safeConnector } from '../../connect/connector.ts'
import type { Guard } from '../../connect/guard.ts'
import type { SystemContext } from '../../kind.ts'
import { type HttpConfig, MAX_RESPONSE_DEFAULT } from './config.ts'
import type { Line } from './exchange.ts'
import { InFlight } from './in-flight.ts'

const HEADER_BYTES_MAX = 16_384
const KEEP_ALIVE_MS = 4000

/** What holds of connections wherever they lead. */
const CONNECTIONS = {
  // How many calls there are is not for the pool to say: their limit holds over all workers, and
  // an operator may change it while they run.
  connections: null,
  pipelining: 1,
  keepAliveTimeout: KEEP_ALIVE_MS,
  maxHeaderSize: HEADER_BYTES_MAX,
  // One deadline of our own bounds a call; see `Exchange`.
  headersTimeout: 0,
  bodyTimeout: 0,
} as const

/** Opens the way to the system's own address. */
export function openLine(system: SystemContext<HttpConfig>, guard: Guard): Line {
  const { base_url: url, tls } = system.config
  const name = tls?.server_name
  return openLineTo(url, system, guard, name === undefined ? {} : { servername: name })
}

/**
 * Opens the way to an address that belongs to a system; nothing is connected yet. The system's own
 * certificates count there, too.
 */
export function openLineTo(
  url: string,
  { config, timeout, clock }: SystemContext<HttpConfig>,
  guard: Guard,
  name: { readonly servername?: string } = {},
): Line {
  const { ca, cert, key } = config.tls ?? {}
  const allowH2 = config.http2 ?? false
  const { origin } = new URL(url)
  const connect = safeConnector(guard, {
    ...{ ca, cert, key, ...name, allowH2, preferH2: allowH2, timeout },
  })
  const open = () => new Pool(origin, { ...CONNECTIONS, allowH2, connect })
  const maxResponse = parseSize(config.max_response ?? MAX_RESPONSE_DEFAULT) ?? 0
  const inFlight = new InFlight(clock, timeout)
  const limits = { inFlight, timeout, maxResponse }
  return Object.assign(allowH2 ? renewed(open) : { pool: open() }, limits)
}

/**
 * Over HTTP/2 a call that is cut off leaves its connection as it is, and that may be dead without a word: all
 * that come after it would find out one by one, for many minutes. So they get a new one, and the
 * old one is closed when the calls on it have ended.
 */
function renewed(open: () => Pool): Pick<Line, 'pool' | 'doubt'> {
  let pool = open()
  return {
    get pool() {
      return pool
    },
    doubt(doubted) {
      if (doubted !== pool) return
      pool.close().catch(() => {})
      pool = open()
    },
  }
}

/** What holds of every call, wherever it goes. */
export interface LineLimits {
  readonly clock: Clock
  readonly timeout: DurationMs
  /** In bytes. */
  readonly maxResponse: number
}

/** Opens the way to any address: each call says to which. One that nobody is connected to is forgotten. */
export function openLineToAny(guard: Guard, { clock, timeout, maxResponse }: LineLimits): Line {
  const pool = new Agent({ ...CONNECTIONS, connect: safeConnector(guard, { timeout }) })
  return { pool, inFlight: new InFlight(clock, timeout), timeout, maxResponse }
}
