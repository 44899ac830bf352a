import type { FastifyReply } from 'fastify'
import type { DurationMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'

/** What a client has not read is kept for it, up to here; then it is cut off. */
const UNREAD_BYTES_MAX = 1_048_576

/** Proxies take a connection for dead on which nothing comes for a minute, or half of one. */
const KEEP_ALIVE_MS: DurationMs = 15_000

/** How long a client may take to read what was left for it when the last events were sent. */
const LAST_READ_MS: DurationMs = 60_000

export const EVENT_STREAM = 'text/event-stream'

const HEADERS = {
  'content-type': `${EVENT_STREAM}; charset=utf-8`,
  'cache-control': 'no-cache, no-transform',
  // nginx would gather what is small.
  'x-accel-buffering': 'no',
}

/** An answer that goes on: server-sent events. */
export interface EventStream {
  /** Writes whole events. Never waits: a client that does not read is cut off. */
  send(events: string): void
  /** Writes the last ones, and closes. */
  end(events: string): void
}

/**
 * Answers with events from now on. The client must still be there.
 *
 * @param onClose called once, when either side has closed
 */
export function openEventStream(
  reply: FastifyReply,
  clock: Clock,
  onClose: () => void,
): EventStream {
  reply.headers(HEADERS).hijack()
  const response = reply.raw
  let cancel = () => {}

  function keepAlive(): void {
    cancel = clock.after(KEEP_ALIVE_MS, () => {
      send(': keep-alive\n\n')
      keepAlive()
    })
  }

  function send(events: string): void {
    response.write(events)
    if (response.writableLength > UNREAD_BYTES_MAX) response.destroy()
  }

  /** Nothing may be written after the end, however long the client takes to read it. */
  function end(events: string): void {
    cancel()
    cancel = clock.after(LAST_READ_MS, () => response.destroy())
    response.end(events)
  }

  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) response.setHeader(name, value)
  }
  response.writeHead(200)
  keepAlive()
  response.once('close', () => {
    cancel()
    onClose()
  })
  return { send, end }
}

/** One event as it is sent; `data` is of one line. */
export function eventText(name: string, id: string, data: string): string {
  return `event: ${name}\nid: ${id}\ndata: ${data}\n\n`
}
