import pino, { type Level } from 'pino'
import type { Emit, Event } from './events.ts'

const LEVELS: Readonly<Record<Event['event'], Level>> = {
  started: 'info',
  draining: 'info',
  stopped: 'info',
  request_accepted: 'info',
  request_finished: 'info',
  callback_delivered: 'info',
  callback_failed: 'warn',
  callback_disabled: 'warn',
  http_answered: 'debug',
  http_failed: 'error',
  worker_joined: 'info',
  worker_lost: 'error',
  batches_rescued: 'warn',
  request_repaired: 'error',
  requests_deleted: 'info',
  gate_closed: 'warn',
  gate_opened: 'info',
  system_changed: 'info',
  system_resumed: 'info',
  settlement_refused: 'warn',
  store_unavailable: 'error',
  transformer_unavailable: 'error',
}

/** What waits in memory for a log that nobody reads; more is dropped, so that work goes on. */
const UNREAD_BYTES_MAX = 1_048_576

export interface Log {
  readonly emit: Emit
  /** Writes out what is still in memory. */
  close(): void
}

/** Writes each event as one line of JSON on the standard output. */
export function openLog(level: Level | 'silent'): Log {
  const output = pino.destination({ dest: 1, sync: false, maxLength: UNREAD_BYTES_MAX })
  // A closed pipe ends the log, not the service.
  output.on('error', () => {})
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
    },
    output,
  )
  return {
    emit: ({ event, ...fields }) => logger[LEVELS[event]](fields, event),
    close: () => output.flushSync(),
  }
}
