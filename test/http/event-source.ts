/** A client of server-sent events, as strict as it can be: whatever is not one is a fault. */
import { request } from 'node:http'

export interface ServerEvent {
  readonly name: string
  readonly id: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface EventSource {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** All that has come, as it came. */
  readonly text: () => string
  readonly events: readonly ServerEvent[]
  /** Resolves once an event like this has come. */
  received(isIt: (event: ServerEvent) => boolean): Promise<ServerEvent>
  /** Resolves with whether the server ended it in order. */
  readonly closed: Promise<boolean>
  leave(): void
  /** Reads no more until `resume`. */
  pause(): void
  resume(): void
}

/** Resolves when the answer begins. */
export function openEvents(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventSource> {
  const { promise, resolve, reject } = Promise.withResolvers<EventSource>()
  const accept = { accept: 'text/event-stream' }
  const outgoing = request(url, { headers: { ...accept, ...headers }, agent: false })
  outgoing.once('error', reject)
  outgoing.once('response', (incoming) => {
    const parts: string[] = []
    let unread = ''
    const events: ServerEvent[] = []
    let onMore = () => {}
    const closed = Promise.withResolvers<boolean>()
    incoming.setEncoding('utf8')
    incoming.on('data', (part: string) => {
      parts.push(part)
      const [rest = '', ...whole] = `${unread}${part}`.split('\n\n').reverse()
      events.push(...whole.reverse().flatMap(eventIn))
      unread = rest
      onMore()
    })
    incoming.on('error', () => {})
    incoming.on('close', () => closed.resolve(incoming.complete))

    async function received(isIt: (event: ServerEvent) => boolean): Promise<ServerEvent> {
      for (;;) {
        const found = events.find(isIt)
        if (found !== undefined) return found
        await new Promise<void>((next) => {
          onMore = next
        })
      }
    }

    resolve({
      status: incoming.statusCode ?? 0,
      headers: incoming.headers,
      text: () => parts.join(''),
      events,
      received,
      closed: closed.promise,
      leave: () => outgoing.destroy(),
      pause: () => incoming.pause(),
      resume: () => incoming.resume(),
    })
  })
  outgoing.end()
  return promise
}

/** What stands before a blank line; a comment, or only when to come again, is no event. */
function eventIn(block: string): readonly ServerEvent[] {
  const fields = new Map<string, string>()
  for (const line of block.split('\n')) {
    const colon = line.indexOf(': ')
    if (colon < 0) throw new Error(`this is no field: ${line}`)
    fields.set(line.slice(0, colon), line.slice(colon + 2))
  }
  const [name = '', id = ''] = [fields.get('event'), fields.get('id')]
  const data = fields.get('data')
  return data === undefined ? [] : [{ name, id, data: JSON.parse(data) }]
}
