/** Each hostile input is answered exactly, and leaves nothing behind. */
import { describe, expect, test } from 'vitest'
import { ROWS, TAKEN } from './hostile-rows.ts'
import { STREAM_ROWS, STREAMS_TAKEN } from './hostile-streams.ts'
import { send } from './send.ts'
import { type Fixture, openServer } from './server.ts'

async function countRequests({ store }: Fixture): Promise<number> {
  return (await store.totals()).activeRequests
}

describe('every hostile input is answered exactly, and nothing is stored', () => {
  test.each([...ROWS, ...STREAM_ROWS])('$name', async (row) => {
    const fixture = await openServer()
    const url = await fixture.server.listen()

    const { status, headers, problem } = await send(url, row)

    expect({ status, type: problem.type }).toEqual({
      status: row.status,
      type: `/problems/${row.slug}`,
    })
    expect(problem.status).toBe(row.status)
    expect(headers).toContain('content-type: application/problem+json')
    if (row.code !== undefined) expect(problem.errors?.map(({ code }) => code)).toContain(row.code)
    if (row.pointer !== undefined) {
      expect(problem.errors?.map(({ pointer }) => pointer)).toContain(row.pointer)
    }
    if (row.line !== undefined) expect(problem.errors?.map(({ line }) => line)).toContain(row.line)
    expect(await countRequests(fixture)).toBe(0)
    expect(fixture.events.filter(({ event }) => event === 'http_failed')).toEqual([])
  })
})

describe('what only looks hostile is taken', () => {
  test.each([...TAKEN, ...STREAMS_TAKEN])('$name', async (row) => {
    const fixture = await openServer()
    const url = await fixture.server.listen()
    expect((await send(url, row)).status).toBe(202)
    expect(await countRequests(fixture)).toBe(1)
  })
})

test.each(['limit=1&limit=2', 'priority=LOW&priority=LOW'])(
  'a parameter that comes twice is said to: %s',
  async (query) => {
    const { server } = await openServer()
    const { problem } = await send(await server.listen(), {
      name: query,
      get: `/requests?${query}`,
    })
    const [name = ''] = query.split('=')
    expect(problem.errors).toEqual([
      {
        pointer: `#/query/${name}`,
        code: 'invalid_type',
        detail: 'This is given more than once; give it once.',
      },
    ])
  },
)
