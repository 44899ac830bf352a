import type { MongoClient, MongoClientOptions } from 'mongodb'
import type { DurationMs } from '../../../core/units.ts'
import { openGuard } from '../../connect/guard.ts'
import type { SystemContext } from '../../kind.ts'
import type { MongodbConfig } from './config.ts'
import { InvalidUrl } from './judge.ts'

/** How long a server that is away is looked for; the next attempt looks again. */
const SELECTION_MAX_MS: DurationMs = 5000
/** Of the time a call has; what is left suffices to say that no server was found. */
const SELECTION_PART = 0.8

/** Makes the driver's client, which connects when it is first used, and again whenever it must. */
export async function openClient({
  config: { url, allow_private },
  timeout,
  concurrency,
}: SystemContext<MongodbConfig>): Promise<MongoClient> {
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
  return client
}

/** The driver's own words may quote the connection string. */
function make(construct: () => MongoClient): MongoClient {
  try {
    return construct()
  } catch {
    throw new InvalidUrl()
  }
}
