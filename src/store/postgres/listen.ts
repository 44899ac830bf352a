import pg from 'pg'
import type { DurationMs } from '../../core/units.ts'
import { sleep, systemClock } from '../../lib/clock.ts'
import { systemRandom } from '../../lib/random.ts'
import { connectionOptions } from './database.ts'
import { CHANNEL, type Notification, parseNotification } from './notify.ts'

/** How often it is checked that the connection still listens, and how long the answer may take. */
const CHECK_EVERY_MS: DurationMs = 10_000
const ANSWER_MS: DurationMs = 5000

/** How long to wait before it connects again. */
const RETRY_MS: { readonly first: DurationMs; readonly cap: DurationMs } = { first: 100, cap: 5000 }

export interface Listening {
  close(): Promise<void>
}

/**
 * Listens on a connection of its own, and connects again for ever. It may be deaf for a while, and
 * nobody is told: whoever listens must poll as well.
 */
export function listen(url: string, onNotification: (told: Notification) => void): Listening {
  let current: pg.Client | null = null
  let closed = false

  function connect(): pg.Client {
    const client = new pg.Client({
      ...connectionOptions(url),
      connectionTimeoutMillis: ANSWER_MS,
      query_timeout: ANSWER_MS,
    })
    client.on('error', () => {})
    client.on('notification', ({ payload }) => {
      const told = parseNotification(payload ?? '')
      if (told !== null) onNotification(told)
    })
    return client
  }

  /** Ends when the connection does. Tells whether it ever listened. */
  async function session(client: pg.Client): Promise<boolean> {
    let ended = false
    let wake = () => {}
    client.once('end', () => {
      ended = true
      wake()
    })
    let listened = false
    try {
      await client.connect()
      await client.query(`LISTEN ${CHANNEL}`)
      listened = true
      while (!ended && (await isListening(client))) {
        // No race with a promise of the end: that would remember every wait for as long as it listens.
        await new Promise<void>((resolve) => {
          wake = resolve
          systemClock.after(CHECK_EVERY_MS, resolve)
        })
      }
    } catch {
      // It is away, or half-open: the next session will tell.
    }
    client.end().catch(() => {})
    return listened
  }

  async function run(): Promise<void> {
    let delay = RETRY_MS.first
    while (!closed) {
      current = connect()
      const listened = await session(current)
      if (closed) return
      delay = listened ? RETRY_MS.first : Math.min(RETRY_MS.cap, delay * 2)
      await sleep(systemClock, delay * (0.5 + systemRandom() / 2))
    }
  }

  void run()
  return {
    async close() {
      closed = true
      await current?.end().catch(() => {})
    },
  }
}

async function isListening(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(
    'SELECT 1 FROM pg_listening_channels() AS c (name) WHERE name = $1',
    [CHANNEL],
  )
  return rows.length > 0
}
