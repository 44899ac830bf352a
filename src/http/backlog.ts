import type { FastifyReply } from 'fastify'
import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import type { QueryStore } from '../store/store.ts'
import { sendProblem } from './problem.ts'

/** How old what is known of the backlog may get. */
const FRESH_MS: DurationMs = 1000

/** Says whether there is room for more work, without asking the store each time. */
export interface Backlog {
  readonly max: number
  isFull(): boolean
  /** Counts mappings in that were accepted since the store was asked. */
  add(mappings: number): void
}

/** Answers a request that would make more work where there is no room; false where there is. */
export function refuseOverloaded(backlog: Backlog, reply: FastifyReply): boolean {
  if (!backlog.isFull()) return false
  sendProblem(reply, 'overloaded', overloaded(backlog))
  return true
}

/** Why nothing more is taken while the backlog is full. */
export function overloaded({ max }: Backlog): string {
  return `At most ${max} mappings may be open at once; try again later.`
}

/** A backlog of at most `max` open mappings; about a second behind what other nodes do. */
export function watchBacklog(store: QueryStore, clock: Clock, max: number): Backlog {
  let open = 0
  let askedAt: EpochMs = Number.NEGATIVE_INFINITY

  async function refresh(): Promise<void> {
    try {
      open = (await store.totals()).openMappings
    } catch {
      // Where the store does not answer, the insert itself will say so.
    }
  }

  return {
    max,
    isFull() {
      const now = clock.now()
      if (now - askedAt >= FRESH_MS) {
        askedAt = now
        void refresh()
      }
      return open >= max
    },
    add(mappings) {
      open += mappings
    },
  }
}
