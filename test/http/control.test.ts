/** What a caller may do to a request that is there: see why it failed, end it, try it again. */
import { describe, expect, test } from 'vitest'
import { newId } from '../../src/lib/random.ts'
import { claimed, inserted, join, settled } from '../contract/steps.ts'
import { done, ERROR, LANE, type RequestOptions } from '../support/requests.ts'
import { type Fixture, openServer } from './server.ts'

async function get({ server }: Fixture, url: string) {
  const answer = await server.app.inject({ url })
  return { status: answer.statusCode, body: answer.json() }
}

/** A request of ten mappings, all settled, of which so many failed. */
async function finished({ store }: Fixture, failed: number, options: RequestOptions = {}) {
  await join(store)
  const request = await inserted(store, { total: 10, ...options })
  const [first, second] = await claimed(store)
  if (first === undefined || second === undefined) throw new Error('ten mappings are two batches')
  await settled(store, [done(first, { failed }), done(second)])
  return request.id
}

describe('GET /status/{id}/failures', () => {
  test('gives one group for each way to fail', async () => {
    const fixture = await openServer()
    const id = await finished(fixture, 3)
    expect(await get(fixture, `/status/${id}/failures`)).toEqual({
      status: 200,
      body: [
        {
          target: LANE,
          code: ERROR.code,
          http_status: 422,
          message: ERROR.message,
          count: 3,
          sample_mapping_id: 'map_0',
        },
      ],
    })
  })

  test('is empty where nothing failed', async () => {
    const fixture = await openServer()
    const id = await finished(fixture, 0)
    expect((await get(fixture, `/status/${id}/failures`)).body).toEqual([])
  })

  test.each(['nothing', newId(0)])('is a 404 for %s', async (id) => {
    const fixture = await openServer()
    const { status, body } = await get(fixture, `/status/${id}/failures`)
    expect([status, body.type]).toEqual([404, '/problems/not-found'])
  })

  test('is a 404 for another tenant’s request', async () => {
    const fixture = await openServer()
    const id = await finished(fixture, 3, { tenant: 'acme' })
    expect((await get(fixture, `/status/${id}/failures`)).status).toBe(404)
  })
})
