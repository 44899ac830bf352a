import type { MongoClient, MongoClientOptions } from 'mongodb'
import type { DurationMs } from '../../../core/units.ts'
import { type AddressNotAllowed, openGuard } from '../../connect/guard.ts'
import type { SystemContext } from '../../kind.ts'
import type { MongodbConfig } from './config.ts'
import { InvalidUrl } from './judge.ts'

/** How long a server that is away is looked for; the next attempt looks again. */
const SELECTION_MAX_MS: DurationMs = 5000
/** Of the time a call has; what is left suffices to say that no server was found. */
const SELECTION_PART = 0.8

/** The driver's client, which goes only where it may. */
export interface Line {
  readonly client: MongoClient
  /** Why it was closed: it was told of a server at an address that is not allowed. */
  readonly strayed: AddressNotAllowed | null
}

/**
 * Makes the driver's client, which connects when it is first used, and again whenever it must.
 *
 * @param lose called when it was closed because of where it would have gone
 */
export async function openClient(
  { config: { url, allow_private }, timeout, concurrency }: SystemContext<MongodbConfig>,
  lose: () => void,
): Promise<Line> {
  const { MongoClient: Client } = await import('mongodb')
  const guard = openGuard(allow_private)
  const options: MongoClientOptions = {
    appName: 'sluice',
    maxPoolSize: concurrency,
    lookup: guard.lookup,
    serverSelectionTimeoutMS: Math.min(SELECTION_MAX_MS, timeout * SELECTION_PART),
    connectTimeoutMS: timeout,
    socketTimeoutMS: timeout,
  }
  const client = make(() => new Client(url, options))
  for (const { host } of client.options.hosts) {
    const refused = host === undefined ? null : guard.check(host)
    if (refused !== null) throw refused
  }
  let strayed: AddressNotAllowed | null = null
  // A replica set names its members itself; names are looked up by the guard, addresses by nobody.
  client.on('topologyDescriptionChanged', ({ newDescription }) => {
    for (const address of newDescription.servers.keys()) strayed ??= guard.check(hostOf(address))
    if (strayed === null) return
    lose()
    client.close().catch(() => {})
  })
  return {
    client,
    get strayed() {
      return strayed
    },
  }
}

/** `host:port` without the port, and an IPv6 address without its brackets. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}

/** The driver's own words may quote the connection string. */
function make(construct: () => MongoClient): MongoClient {
  try {
    return construct()
  } catch {
    throw new InvalidUrl()
  }
}
