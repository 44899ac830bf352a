import type { DurationMs } from '../../core/units.ts'
import { sleep, systemClock } from '../../lib/clock.ts'
import { hintBuffer } from '../hints.ts'
import type { WorkHint } from '../store.ts'
import type { Database } from './database.ts'

/** From one notification of this process to the next, at least. */
const GAP_MS: DurationMs = 20

/** A notification holds less than 8,000 bytes, and a name of 128 characters may take 768 of them. */
const HINTS_MAX = 8

/** What is told to every node. */
export const CHANNEL = 'sluice_work'

export interface Notification {
  /** The store that sends it, which has told its own listeners already. */
  readonly from: string
  readonly hints: readonly WorkHint[]
}

/** Null for what is not one of ours: whoever may connect may notify, and a newer version may say more. */
export function parseNotification(payload: string): Notification | null {
  try {
    const told: unknown = JSON.parse(payload)
    return isNotification(told) ? told : null
  } catch {
    return null
  }
}

function isNotification(told: unknown): told is Notification {
  if (typeof told !== 'object' || told === null) return false
  if (!('from' in told && typeof told.from === 'string' && 'hints' in told)) return false
  return Array.isArray(told.hints) && told.hints.every(isHint)
}

function isHint(hint: unknown): hint is WorkHint {
  if (typeof hint !== 'object' || hint === null || !('lane' in hint && 'rank' in hint)) return false
  const { lane, rank } = hint
  return (lane === null || typeof lane === 'string') && (rank === null || typeof rank === 'number')
}

/**
 * It has a transaction of its own, after the one it tells of: PostgreSQL lets one transaction at a time
 * commit that notifies. What is lost of it in a crash is only a hint, so it need not wait for the disk.
 */
const NOTIFY = `
  SELECT set_config('synchronous_commit', 'off', true), pg_notify('${CHANNEL}', payload)
  FROM unnest($1::text[]) AS p (payload)`

/** Sends hints to the other nodes, few times a second however many there are. */
export function notifier(database: Database, from: string): (hint: WorkHint) => void {
  const buffer = hintBuffer()
  let sending = false

  async function send(hints: readonly WorkHint[]): Promise<void> {
    const payloads: string[] = []
    for (let start = 0; start < hints.length; start += HINTS_MAX) {
      const part = hints.slice(start, start + HINTS_MAX)
      payloads.push(JSON.stringify({ from, hints: part } satisfies Notification))
    }
    await database.query(NOTIFY, [payloads])
  }

  async function sendAll(): Promise<void> {
    sending = true
    for (let hints = buffer.take(); hints.length > 0; hints = buffer.take()) {
      // A hint that gets lost is made up for by the next poll.
      await send(hints).catch(() => {})
      await sleep(systemClock, GAP_MS)
    }
    sending = false
  }

  return (hint) => {
    buffer.add(hint)
    if (!sending) void sendAll()
  }
}
