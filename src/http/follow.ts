/**
 * Following requests. However many listen to one, it is looked at once for all of them: at most four
 * times a second, less often while nothing changes, and not at all once the last one has left.
 */
import type { DurationMs } from '../core/units.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { RequestStatus } from './status.ts'
import { type Listener, type Snapshot, Watch } from './watch.ts'

export interface Following {
  /** Where a request stands, or stood 250 ms ago at most; null where there is none. */
  look(id: string): Promise<Snapshot | null>
  /** Tells how it goes on from a snapshot, if need be at once. The answer undoes it. */
  follow(id: string, seen: Snapshot, listener: Listener): Cancel
  /** Waits until a request is finished, the time is up, or either side goes; gives it as it is then. */
  wait(id: string, atMost: DurationMs, isGone: Promise<void>): Promise<Snapshot | null>
  /** Looks at once at a request that somebody follows: it has just been finished. */
  hint(id: string): void
  /** Tells all who listen, and all who will, that nothing more is told. */
  close(): void
}

/** Reads where a request stands from the store; null where there is none. */
export type Look = (id: string) => Promise<RequestStatus | null>

/** Follows requests by looking at them. Nothing is looked at yet. */
export function createFollowing(look: Look, clock: Clock): Following {
  const watches = new Map<string, Watch>()
  let isClosed = false

  function watch(id: string, seen: Snapshot | null): Watch {
    const watching = watches.get(id)
    if (watching !== undefined) return watching
    const created = new Watch(
      () => look(id),
      clock,
      seen,
      () => {
        if (watches.get(id) === created) watches.delete(id)
      },
    )
    watches.set(id, created)
    return created
  }

  function follow(id: string, seen: Snapshot, listener: Listener): Cancel {
    if (!isClosed) return watch(id, seen).add(seen, listener)
    listener.ended()
    return () => {}
  }

  async function wait(id: string, atMost: DurationMs, isGone: Promise<void>) {
    let latest = await watch(id, null).now()
    if (latest === null || latest.isFinal) return latest
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    const leave = follow(id, latest, {
      told(snapshot) {
        latest = snapshot
        if (snapshot.isFinal) resolve()
      },
      ended: resolve,
    })
    const cancel = clock.after(atMost, resolve)
    await Promise.race([ended, isGone])
    leave()
    cancel()
    return latest
  }

  return {
    look: (id) => watch(id, null).now(),
    follow,
    wait,
    hint: (id) => watches.get(id)?.hurry(),
    close() {
      isClosed = true
      for (const watching of watches.values()) watching.end()
    },
  }
}
