import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type RequestStatus, Sluice, SluiceUnreachable } from '../../src/client/index.ts'
import { Patience } from '../../src/client/patience.ts'
import { serverSent } from '../../src/client/server-sent.ts'
import { type Answer, FakeSluice, problem } from './fake.ts'

/** A fake that holds one request of eight mappings, and a client of it. */
async function withRequest() {
  const fake = await FakeSluice.start()
  const sluice = new Sluice({ baseUrl: fake.url })
  const mappings = Array.from({ length: 8 }, (_, index) => {
    return { id: `m${index}`, source: 'shop', target: 'crm' }
  })
  const { request_id: id } = await sluice.submit({ mappings })
  fake.received.length = 0
  return { fake, sluice, id, [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose]() }
}

const AWAY = problem(503, 'draining', 'Stopping.')

describe('wait', () => {
  test('resolves with the final status, and tells all that came by', async () => {
    await using held = await withRequest()
    const seen: number[] = []
    const onProgress = ({ progress }: RequestStatus) => seen.push(progress)
    const status = await held.sluice.wait(held.id, { onProgress })
    expect(status).toMatchObject({ status: 'completed', completed_mappings: 8 })
    expect(seen).toEqual([25, 50, 75, 100])
  })

  test('looks once, and then asks Sluice to hold its answer until there is one', async () => {
    await using held = await withRequest()
    await held.sluice.wait(held.id)
    const wishes = held.fake.received.map(({ headers }) => headers['prefer'])
    expect(wishes).toEqual([undefined, 'wait=30', 'wait=30', 'wait=30'])
  })

  test('outlives a server that is away for a while, more than once', async () => {
    await using held = await withRequest()
    const onProgress = () => held.fake.answers.push(AWAY)
    const status = await held.sluice.wait(held.id, { onProgress })
    expect(status.status).toBe('completed')
    expect(held.fake.received).toHaveLength(7)
  })

  test.each([
    ['a request that is not there', 'other', 404],
    ['a server that is not there at first', 'request-1', 503],
  ])('does not wait for %s', async (_, id, status) => {
    await using held = await withRequest()
    if (status === 503) held.fake.answers.push(AWAY)
    await expect(held.sluice.wait(id)).rejects.toMatchObject({ status })
    expect(held.fake.received).toHaveLength(1)
  })

  test('ends with its signal', async () => {
    await using held = await withRequest()
    const interruption = new AbortController()
    const waiting = held.sluice.wait(held.id, {
      signal: interruption.signal,
      onProgress: () => interruption.abort(new Error('enough')),
    })
    await expect(waiting).rejects.toThrow('enough')
  })
})

describe('events', () => {
  test('tell every status, and end after the last', async () => {
    await using held = await withRequest()
    const seen = []
    for await (const { progress } of held.sluice.events(held.id)) seen.push(progress)
    expect(seen).toEqual([0, 25, 50, 75, 100])
    const [received] = held.fake.received
    expect(received?.path).toBe(`/status/${held.id}/events`)
    expect(received?.headers.accept).toBe('text/event-stream')
  })

  test.each([
    ['breaks', { breaksOffAfter: sent('seven', 25) }],
    ['ends before the request does', { status: 200, body: `${sent('seven', 25)}retry: 1\n\n` }],
  ] satisfies [string, Answer][])(
    'go on from what was seen when the connection %s',
    async (_, answer) => {
      await using held = await withRequest()
      held.fake.answers.push(answer)
      const seen = []
      for await (const { progress } of held.sluice.events(held.id)) seen.push(progress)
      expect(seen).toEqual([25, 0, 25, 50, 75, 100])
      expect(held.fake.received.map(({ headers }) => headers['last-event-id'])).toEqual([
        undefined,
        'seven',
      ])
    },
  )

  test('are asked for again no sooner than the server wants, whatever it has sent since', async () => {
    await using held = await withRequest()
    const outlast = vi.spyOn(Patience.prototype, 'outlast')
    onTestFinished(() => outlast.mockRestore())
    held.fake.answers.push({ status: 200, body: `retry: 251\n\n${sent('seven', 25)}` })
    for await (const _ of held.sluice.events(held.id));
    expect(outlast).toHaveBeenCalledExactlyOnceWith(expect.anything(), undefined, 251)
  })

  test('are not waited for where they never were', async () => {
    await using held = await withRequest()
    await expect(held.sluice.events('other').next()).rejects.toMatchObject({ status: 404 })
    held.fake.answers.push(AWAY)
    await expect(held.sluice.events(held.id).next()).rejects.toMatchObject({ status: 503 })
    expect(held.fake.received).toHaveLength(2)
  })

  test('hang up when nobody listens any more', async () => {
    await using held = await withRequest()
    held.fake.answers.push({ goesOnAfter: sent('one', 0) })
    for await (const _ of held.sluice.events(held.id)) break
    await held.fake.hungUp
  })

  test('end with their signal', async () => {
    await using held = await withRequest()
    held.fake.answers.push({ goesOnAfter: sent('one', 0) })
    const interruption = new AbortController()
    const events = held.sluice.events(held.id, { signal: interruption.signal })
    await events.next()
    const next = events.next()
    interruption.abort(new Error('enough'))
    await expect(next).rejects.toThrow('enough')
  })
})

function sent(id: string, progress: number): string {
  return `event: status\nid: ${id}\ndata: ${JSON.stringify({ progress })}\n\n`
}

describe('server-sent events', () => {
  async function read(...chunks: readonly string[]) {
    const bytes = chunks.map((chunk) => new TextEncoder().encode(chunk))
    const events = []
    for await (const event of serverSent(ReadableStream.from(bytes))) events.push(event)
    return events
  }

  test('are read whatever the line breaks are, and wherever they are cut', async () => {
    const text =
      'retry: 20\n\nevent: status\r\nid: 7\r\ndata: {"a":\r\ndata: "ü"}\r\n\r\n: alive\n\n'
    const expected = [
      { type: 'message', data: null, id: null, retryMs: 20 },
      { type: 'status', data: '{"a":\n"ü"}', id: '7', retryMs: null },
      { type: 'message', data: null, id: null, retryMs: null },
    ]
    expect(await read(text)).toEqual(expected)
    expect(await read(...text)).toEqual(expected)
    expect(await read(text.slice(0, 40), text.slice(40))).toEqual(expected)
  })

  test.each([
    ['0', 0],
    ['99999', 99_999],
    ['100000', null],
    ['1.5', null],
    ['-1', null],
    ['soon', null],
    ['', null],
  ])('ask to stay away for some milliseconds, and not for long: %s', async (text, retryMs) => {
    expect(await read(`retry: ${text}\n\n`)).toMatchObject([{ retryMs }])
  })

  test('that never end are not gathered for ever', async () => {
    await expect(read('data: ', 'x'.repeat(1_000_001))).rejects.toThrow('an event without end')
  })
})

describe('patience', () => {
  const away = new SluiceUnreachable('http://localhost', 'Nothing answers.', {
    mayHaveArrived: false,
  })

  test.each([
    ['as long as the server asks for, where that is longer', 1, 2000],
    ['as long as it would, where the server asks for less', 2000, 1],
  ])('lasts %s', async (_, pauseMs, leastMs) => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const patience = new Patience([pauseMs])
    patience.restore()
    let isOver = false
    const outlasted = patience.outlast(away, undefined, leastMs).then(() => {
      isOver = true
    })
    await vi.advanceTimersByTimeAsync(1999)
    expect(isOver).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    await outlasted
  })

  test('is over before it begins, where its signal is aborted already', async () => {
    const patience = new Patience([60_000])
    patience.restore()
    const aborted = AbortSignal.abort(new Error('enough'))
    await expect(patience.outlast(away, aborted)).rejects.toThrow('enough')
  })

  /** Answers as it is told, and fails where it is told to be away. */
  function server(...answers: readonly ('here' | Error)[]) {
    const left = [...answers]
    return async () => {
      const answer = left.shift()
      if (answer instanceof Error) throw answer
      return answer
    }
  }

  test('waits for a server that has answered before', async () => {
    const patience = new Patience([1, 1])
    const call = server('here', away, away, 'here', away, away, 'here')
    for (let time = 1; time <= 3; time++) expect(await patience.ask(call)).toBe('here')
  })

  test('ends after the last pause', async () => {
    const patience = new Patience([1, 1])
    const call = server('here', away, away, away)
    await patience.ask(call)
    await expect(patience.ask(call)).rejects.toBe(away)
  })

  test('does not wait for one that never was there, nor where the answer is no', async () => {
    await expect(new Patience([1]).ask(server(away, 'here'))).rejects.toBe(away)
    const patience = new Patience([1])
    const no = new Error('no')
    const call = server('here', no)
    await patience.ask(call)
    await expect(patience.ask(call)).rejects.toBe(no)
  })
})
