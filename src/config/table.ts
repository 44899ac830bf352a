import { BATCH_SIZE } from '../core/batch.ts'
import {
  addressRanges,
  callbackSecrets,
  decimal,
  duration,
  flag,
  hostNames,
  integer,
  oneOf,
  orWord,
  type Parser,
  postgresUrl,
  size,
  text,
} from './parse.ts'

/** One setting; its row in the table below is all there is to say about it. */
export interface Setting<T> extends Parser<T> {
  /** The environment variable. The flag follows from it: SLUICE_DATA_DIR is --data-dir. */
  readonly env: string
  /** As a person would write it; null where it may stay unset. */
  readonly default: string | null
  /** One sentence for `sluice config`. */
  readonly doc: string
  /** Its value is shown to nobody. */
  readonly secret?: true
}

/** Every setting there is, in the order in which people are shown them. */
export const SETTINGS = {
  host: {
    env: 'HOST',
    ...text(/^[\w.:-]{1,255}$/, 'a host name or an IP address'),
    default: '127.0.0.1',
    doc: 'The address to listen on.',
  },
  port: {
    env: 'PORT',
    ...integer(0, 65_535),
    default: '8000',
    doc: 'The port to listen on; 0 takes any that is free.',
  },
  allowAnonymous: {
    env: 'SLUICE_ALLOW_ANONYMOUS',
    ...flag(),
    default: 'false',
    doc: 'Allows HOST to reach beyond this machine, although nobody is authenticated.',
  },
  allowedHosts: {
    env: 'SLUICE_ALLOWED_HOSTS',
    ...hostNames(),
    default: null,
    doc: 'The host names by which clients may call Sluice, besides localhost. Unset: no others if HOST is on this machine only, and otherwise any.',
  },
  maxConnections: {
    env: 'SLUICE_MAX_CONNECTIONS',
    ...integer(1, 1_000_000),
    default: '10000',
    doc: 'How many clients may be connected at once.',
  },
  maxStreams: {
    env: 'SLUICE_MAX_STREAMS',
    ...integer(1, 1_000_000),
    default: '5000',
    doc: 'How many clients may follow the events of requests at once.',
  },
  maxDownloads: {
    env: 'SLUICE_MAX_DOWNLOADS',
    ...integer(1, 1000),
    default: '20',
    doc: 'How many clients may download results as NDJSON or CSV at once.',
  },
  databaseUrl: {
    env: 'DATABASE_URL',
    ...postgresUrl(),
    default: null,
    doc: 'The PostgreSQL that all processes share. Unset: this process uses the embedded store.',
    secret: true,
  },
  listenUrl: {
    env: 'SLUICE_LISTEN_URL',
    ...listening(),
    default: null,
    doc: 'Where to LISTEN for work of other processes, if DATABASE_URL is a pooler. Unset: DATABASE_URL.',
    secret: true,
  },
  databaseConnections: {
    env: 'SLUICE_DATABASE_CONNECTIONS',
    ...integer(1, 100),
    default: '5',
    doc: 'How many connections to PostgreSQL each thread may open.',
  },
  migrate: {
    env: 'SLUICE_MIGRATE',
    ...flag(),
    default: 'true',
    doc: 'Whether to bring the schema of PostgreSQL up to date at start. If false, run `sluice migrate`.',
  },
  role: {
    env: 'SLUICE_ROLE',
    ...oneOf('all', 'api', 'worker'),
    default: 'all',
    doc: 'What this process does: take requests (api), carry them out (worker), or both (all).',
  },
  workers: {
    env: 'SLUICE_WORKERS',
    ...integer(1, 64),
    default: '1',
    doc: 'How many threads of this process carry out requests.',
  },
  healthPort: {
    env: 'SLUICE_HEALTH_PORT',
    ...integer(0, 65_535),
    default: null,
    doc: 'The port at which a worker answers /livez, /readyz and /health. Unset: none.',
  },
  dataDir: {
    env: 'SLUICE_DATA_DIR',
    ...path(),
    default: './data',
    doc: 'The directory that holds the embedded store.',
  },
  systemsFile: {
    env: 'SLUICE_SYSTEMS_FILE',
    ...path(),
    default: null,
    doc: 'The file that describes the systems. Unset: ./systems.yaml, if it exists.',
  },
  batchSize: {
    env: 'SLUICE_BATCH_SIZE',
    ...orWord('auto', integer(BATCH_SIZE.min, BATCH_SIZE.max)),
    default: 'auto',
    doc: 'How many mappings make a batch; with auto, larger requests have larger batches.',
  },
  concurrency: {
    env: 'SLUICE_CONCURRENCY',
    ...integer(1, 10_000),
    default: '20',
    doc: 'How many calls to one system may run at once, unless the systems file says otherwise.',
  },
  retention: {
    env: 'SLUICE_RETENTION',
    ...duration('1m', '3650d'),
    default: '30d',
    doc: 'How long a finished request is kept.',
  },
  maxBody: {
    env: 'SLUICE_MAX_BODY',
    // A longer text cannot be read as one.
    ...size('1KB', '500MB'),
    default: '64MB',
    doc: 'The largest JSON body, decoded.',
  },
  maxMappings: {
    env: 'SLUICE_MAX_MAPPINGS',
    ...integer(1, 10_000_000),
    default: '1000000',
    doc: 'How many mappings a JSON body may hold.',
  },
  maxStream: {
    env: 'SLUICE_MAX_STREAM',
    ...size('1KB', '1000GB'),
    default: '10GB',
    doc: 'The largest NDJSON or CSV body, decoded.',
  },
  maxStreamMappings: {
    env: 'SLUICE_MAX_STREAM_MAPPINGS',
    ...integer(1, 100_000_000),
    default: '10000000',
    doc: 'How many mappings an NDJSON or CSV body may hold; each takes about 20 bytes of memory.',
  },
  maxUploads: {
    env: 'SLUICE_MAX_UPLOADS',
    ...integer(1, 100),
    default: '16',
    doc: 'How many large bodies may be received at once; every NDJSON or CSV body counts.',
  },
  maxBacklog: {
    env: 'SLUICE_MAX_BACKLOG',
    ...integer(1, 10_000_000_000),
    default: '100000000',
    doc: 'How many mappings may wait before new requests are turned away.',
  },
  callbackSecrets: {
    env: 'SLUICE_CALLBACK_SECRETS',
    ...callbackSecrets(),
    default: null,
    doc: 'The secret that signs callbacks; or two, while receivers change to a new one. Unset: there are no callbacks.',
    secret: true,
  },
  callbackAllowPrivate: {
    env: 'SLUICE_CALLBACK_ALLOW_PRIVATE',
    ...addressRanges(),
    default: null,
    doc: 'The private addresses that callbacks may go to. Unset: none.',
  },
  simulatedSuccessRate: {
    env: 'SLUICE_SIMULATED_SUCCESS_RATE',
    ...decimal(0, 1),
    default: '0.9',
    doc: 'Which share of the calls to a simulated system succeeds, unless the systems file says otherwise.',
  },
  simulatedLatency: {
    env: 'SLUICE_SIMULATED_LATENCY',
    ...duration('0ms', '10m'),
    default: '50ms',
    doc: 'How long a call to a simulated system takes, unless the systems file says otherwise.',
  },
  drainTimeout: {
    env: 'SLUICE_DRAIN_TIMEOUT',
    ...duration('0s', '1h'),
    default: '25s',
    doc: 'How long calls in flight may take to end when the service is told to stop.',
  },
  logLevel: {
    env: 'LOG_LEVEL',
    ...oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    default: 'info',
    doc: 'The least important log lines to write.',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

function path(): Parser<string> {
  return text(/^[^\0]{1,4096}$/, 'a path')
}

function listening(): Parser<string> {
  const url = postgresUrl()
  return {
    parse: (value) => (value === 'off' ? value : url.parse(value)),
    must: `off or ${url.must}`,
  }
}
