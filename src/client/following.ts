/** Following a request to its end, through restarts of the server. */
import type { CallOptions, WaitOptions } from './options.ts'
import { Patience } from './patience.ts'
import { pause } from './pause.ts'
import { serverSent } from './server-sent.ts'
import type { Transport } from './transport.ts'
import type { RequestStatus } from './wire.ts'

/** How long Sluice is asked to hold its answer until there is something to tell. */
const HELD_S = 30

/** Looks are so far apart, at first and at most, where Sluice does not hold its answer. */
const APART_MS = { first: 200, max: 2000 } as const

/** Resolves with the final status. A server that is not there at first is not waited for. */
export async function waited(
  transport: Transport,
  path: string,
  { signal, onProgress }: WaitOptions,
): Promise<RequestStatus> {
  const patience = new Patience()
  const headers = { prefer: `wait=${HELD_S}` }
  const look = { method: 'GET', path, headers, heldMs: HELD_S * 1000, signal } as const
  for (let apart: number = APART_MS.first; ; apart = Math.min(apart * 1.25, APART_MS.max)) {
    const askedAt = performance.now()
    const status = await patience.ask(() => transport.call<RequestStatus>(look), signal)
    onProgress?.(status)
    if (isFinal(status)) return status
    await pause(Math.max(0, askedAt + apart - performance.now()), signal)
  }
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
