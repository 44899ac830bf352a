import { chunksOf } from './chunks.ts'

/** One block of what a server sends: an event or, without data, only a word about the line itself. */
export interface ServerSent {
  readonly type: string
  readonly data: string | null
  /** Where to go on from after a break. */
  readonly id: string | null
  /** How long to stay away after one. */
  readonly retryMs: number | null
}

/** Longer events are none of Sluice's. */
const LENGTH_MAX = 1_000_000

/** Reads server-sent events, as the HTML standard has them. */
export async function* serverSent(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerSent, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunksOf(stream)) {
    rest += decoder.decode(chunk, { stream: true })
    // A carriage return at the end may be half of a line break.
    const blocks = rest.split(/(?:\r\n|\n|\r(?!\n|$)){2}/)
    rest = blocks.pop() ?? ''
    if (rest.length > LENGTH_MAX) throw new RangeError('an event without end')
    yield* blocks.map(blockOf)
  }
}

function blockOf(text: string): ServerSent {
  let type = 'message'
  let id: string | null = null
  let retryMs: number | null = null
  const data: string[] = []
  for (const line of text.split(/\r\n|\n|\r/)) {
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === 'event') type = value
    else if (field === 'id') id = value
    else if (field === 'data') data.push(value)
    else if (field === 'retry' && /^\d{1,5}$/.test(value)) retryMs = Number(value)
  }
  return { type, data: data.length === 0 ? null : data.join('\n'), id, retryMs }
}
