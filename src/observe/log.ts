import pino, { type Level } from 'pino'
import type { DurationMs } from '../core/units.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Emit, Event } from './events.ts'

const LEVELS: Readonly<Record<Event['event'], Level>> = {
  started: 'info',
  draining: 'info',
  stopped: 'info',
  request_accepted: 'info',
  request_closed: 'info',
  request_finished: 'info',
  callback_delivered: 'info',
  callback_failed: 'warn',
  callback_disabled: 'warn',
  http_answered: 'debug',
  http_failed: 'error',
  download_cut: 'warn',
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

/** How often, a tenth of a second apart, a reader who takes nothing is offered the last lines. */
const LAST_TRIES = 10

/** Lines are written so many bytes at a time: a write costs more than a line, and a long buffer too … */
const TOGETHER_BYTES = 4096
/** … but none waits longer than this. */
const WITHIN_MS: DurationMs = 10

export interface Log {
  readonly emit: Emit
  /** Writes out what is still in memory, if somebody reads it; what comes after that is not written. */
  close(): void
}

/** Writes each event as one line of JSON on the standard output. */
export function openLog(level: Level | 'silent'): Log {
  let isClosed = false
  let tries = 0
  // Before pino's own, which would wait for the reader for ever.
  process.once('exit', close)
  const output = pino.destination({
    // Node has made it one that does not wait: a write that does would outlast the process's own end.
    dest: process.stdout.fd,
    sync: false,
    minLength: TOGETHER_BYTES,
    maxLength: UNREAD_BYTES_MAX,
    retryEAGAIN: () => !isClosed || ++tries < LAST_TRIES,
  })
  // A closed pipe ends the log, not the service; so does a full disk, until there is room again.
  let isWritable = true
  output.on('error', () => {
    isWritable = false
  })
  output.on('write', () => {
    isWritable = true
  })
  const logger = pino(
    {
      level,
      base: null,
      timestamp: timestamp(systemClock),
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
    },
    output,
  )
  let flushing = false

  function flushSoon(): void {
    if (flushing) return
    flushing = true
    systemClock.after(WITHIN_MS, () => {
      flushing = false
      if (!isClosed) output.flush()
    })
  }

  function close(): void {
    if (isClosed) return
    isClosed = true
    try {
      // Where the last write failed, this would try again for ever.
      if (isWritable) output.flushSync()
    } catch {
      // Nobody reads them.
    }
    output.destroy()
  }

  return {
    emit({ event, ...fields }) {
      const level = LEVELS[event]
      if (isClosed || !logger.isLevelEnabled(level)) return
      logger[level](fields, event)
      flushSoon()
    },
    close,
  }
}

/** The time of a line, as pino takes it: made once for all lines of a millisecond. */
function timestamp(clock: Clock): () => string {
  let last = 0
  let text = ''
  return () => {
    const now = clock.now()
    if (now !== last) text = `,"time":"${new Date(now).toISOString()}"`
    last = now
    return text
  }
}
