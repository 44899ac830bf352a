/** Following a request to its end, through restarts of the server. */
import type { CallOptions, WaitOptions } from './options.ts'
import { Patience } from './patience.ts'
import { pause } from './pause.ts'
import { serverSent } from './server-sent.ts'
import type { Call, Transport } from './transport.ts'
import type { RequestStatus } from './wire.ts'

/** How long Sluice is asked to hold its answer until there is something to tell. */
const HELD_S = 30

/** Looks are so far apart, at first and at most, where Sluice does not hold its answer. */
const APART_MS = { first: 200, max: 2000 } as const

/**
 * Resolves with the final status. The first look is answered at once, so that it is known early whether
 * anybody is there: a server that is not there at first is not waited for.
 */
export async function waited(
  transport: Transport,
  path: string,
  { signal, onProgress }: WaitOptions,
): Promise<RequestStatus> {
  const patience = new Patience()
  const glance: Call = { method: 'GET', path, signal }
  const look: Call = { ...glance, headers: { prefer: `wait=${HELD_S}` }, heldMs: HELD_S * 1000 }
  let status = await patience.ask(() => transport.call<RequestStatus>(glance), signal)
  onProgress?.(status)
  for (let apart: number = APART_MS.first; !isFinal(status); apart *= 1.25) {
    const askedAt = performance.now()
    status = await patience.ask(() => transport.call<RequestStatus>(look), signal)
    onProgress?.(status)
    if (isFinal(status)) break
    await pause(Math.max(0, askedAt + Math.min(apart, APART_MS.max) - performance.now()), signal)
  }
  return status
}

/** Every status that Sluice tells, until it tells that it was the last. */
export async function* followed(
  transport: Transport,
  path: string,
  { signal }: CallOptions,
): AsyncGenerator<RequestStatus, void, undefined> {
  const patience = new Patience()
  const listen = { method: 'GET', path: `${path}/events`, heldMs: HELD_S * 1000, signal } as const
  let since: Readonly<Record<string, string>> = {}
  let awayMs = 0
  for (;;) {
    try {
      const headers = { accept: 'text/event-stream', ...since }
      for await (const sent of serverSent(await transport.open({ ...listen, headers }))) {
        patience.restore()
        awayMs = sent.retryMs ?? awayMs
        if (sent.id !== null) since = { 'last-event-id': sent.id }
        if (sent.data === null) continue
        if (sent.type === 'done') return
        if (sent.type === 'status') yield JSON.parse(sent.data)
      }
      throw transport.brokenOff()
    } catch (error) {
      await patience.outlast(error, signal, awayMs)
    }
  }
}

/** Whether nothing more will become of a request. */
export function isFinal({ status }: RequestStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}
