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
    doc: 'Listens beyond this machine, for everybody who can reach the port.',
  },
  allowedHosts: {
    env: 'SLUICE_ALLOWED_HOSTS',
    ...hostNames(),
    default: null,
    doc: 'The names by which clients may call, beside localhost; unset, none where HOST is of this machine alone, and else any.',
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
    doc: 'The PostgreSQL that all processes share; unset, the embedded store of this one.',
    secret: true,
  },
  listenUrl: {
    env: 'SLUICE_LISTEN_URL',
    ...listening(),
    default: null,
    doc: 'Where to listen for work of other processes, past a pooler; unset, DATABASE_URL.',
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
    doc: 'Brings the schema of PostgreSQL up to date at start; or else `sluice migrate` does.',
  },
  role: {
    env: 'SLUICE_ROLE',
    ...oneOf('all', 'api', 'worker'),
    default: 'all',
    doc: 'What this process does: take requests (api), carry them out (worker), or both.',
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
    doc: 'The port at which a worker answers /livez, /readyz and /health; unset, none.',
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
    doc: 'The file that describes the systems; unset, ./systems.yaml if it is there.',
  },
  batchSize: {
    env: 'SLUICE_BATCH_SIZE',
    ...orWord('auto', integer(BATCH_SIZE.min, BATCH_SIZE.max)),
    default: 'auto',
    doc: 'How many mappings make a batch; auto grows with the request.',
  },
  concurrency: {
    env: 'SLUICE_CONCURRENCY',
    ...integer(1, 10_000),
    default: '20',
    doc: 'How many calls to one system may run at once, where the systems file does not say.',
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
    doc: 'The largest body of JSON, decoded.',
  },
  maxMappings: {
    env: 'SLUICE_MAX_MAPPINGS',
    ...integer(1, 10_000_000),
    default: '1000000',
    doc: 'How many mappings a body of JSON may hold.',
  },
  maxStream: {
    env: 'SLUICE_MAX_STREAM',
    ...size('1KB', '1000GB'),
    default: '10GB',
    doc: 'The largest body of NDJSON or CSV, decoded.',
  },
  maxStreamMappings: {
    env: 'SLUICE_MAX_STREAM_MAPPINGS',
    ...integer(1, 100_000_000),
    default: '10000000',
    doc: 'How many mappings a body of NDJSON or CSV may hold; each takes some 20 bytes of memory.',
  },
  maxUploads: {
    env: 'SLUICE_MAX_UPLOADS',
    ...integer(1, 100),
    default: '16',
    doc: 'How many large bodies, NDJSON and CSV among them, may be received at once.',
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
    doc: 'What callbacks are signed with: one secret, or two while receivers change to another; unset, there are no callbacks.',
    secret: true,
  },
  callbackAllowPrivate: {
    env: 'SLUICE_CALLBACK_ALLOW_PRIVATE',
    ...addressRanges(),
    default: null,
    doc: 'The addresses beyond the public internet that callbacks may go to; unset, none.',
  },
  simulatedSuccessRate: {
    env: 'SLUICE_SIMULATED_SUCCESS_RATE',
    ...decimal(0, 1),
    default: '0.9',
    doc: 'How many of the calls to a simulated system succeed, where the systems file does not say.',
  },
  simulatedLatency: {
    env: 'SLUICE_SIMULATED_LATENCY',
    ...duration('0ms', '10m'),
    default: '50ms',
    doc: 'How long a call to a simulated system takes, where the systems file does not say.',
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
