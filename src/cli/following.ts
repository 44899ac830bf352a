import { isFinal, type RequestStatus, type Sluice } from '../client/index.ts'
import { Patience } from '../client/patience.ts'
import { pause } from '../client/pause.ts'
import { systemClock } from '../lib/clock.ts'

/** The first event is sent at once: where it does not come, something in between holds it back. */
const FIRST_MS = 5000

/** Looks are so far apart where no events come through. */
const APART_MS = 1000

/**
 * Every status of a request until its end: as Sluice tells it or, where its events do not come through,
 * by asking again and again.
 */
export async function* statusesOf(
  sluice: Sluice,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<RequestStatus, void, undefined> {
  const listening = new AbortController()
  const events = sluice.events(id, { signal: AbortSignal.any([signal, listening.signal]) })
  const first = await firstOf(events)
  if (first === null) {
    listening.abort()
    yield* asked(sluice, id, signal)
  } else {
    yield first
    yield* events
  }
}

/** Null where there is none in time, for whatever reason: asking tells it better. */
async function firstOf(events: AsyncGenerator<RequestStatus, void>): Promise<RequestStatus | null> {
  const silence = Promise.withResolvers<null>()
  const cancel = systemClock.after(FIRST_MS, () => silence.resolve(null))
  const event = events.next().then(
    ({ value }) => value ?? null,
    () => null,
  )
  return Promise.race([event, silence.promise]).finally(cancel)
}

async function* asked(
  sluice: Sluice,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<RequestStatus, void, undefined> {
  const patience = new Patience()
  for (;;) {
    const status = await patience.ask(() => sluice.status(id, { signal }), signal)
    yield status
    if (isFinal(status)) return
    await pause(APART_MS, signal)
  }
}
