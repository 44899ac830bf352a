import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { type SimulatedConfig, simulated } from '../../src/deliver/kinds/simulated.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { seededRandom } from '../../src/lib/random.ts'
import { call } from './calls.ts'

/** A clock that stands still until it is moved. */
function stillClock() {
  const timers = new Map<() => void, number>()
  let now = 0
  const clock: Clock = {
    now: () => now,
    after(delay, callback) {
      timers.set(callback, now + delay)
      return () => timers.delete(callback)
    },
  }
  return {
    clock,
    timers,
    move(to: number) {
      now = to
      for (const [callback, at] of timers) {
        if (at > now) continue
        timers.delete(callback)
        callback()
      }
    },
  }
}

function connect(config: SimulatedConfig, clock = stillClock().clock, timeout = 30_000) {
  const kind = simulated({ latency: 50, successRate: 0.9 })
  const random = seededRandom(1)
  return kind.connect({
    name: 'sandbox',
    config,
    secrets: [],
    timeout,
    concurrency: 1,
    clock,
    random,
  })
}

async function outcomes(config: SimulatedConfig, count: number): Promise<readonly string[]> {
  const connection = connect({ latency: '0ms', ...config })
  const calls = Array.from({ length: count }, () => connection.write(call(), {}))
  return (await Promise.all(calls)).map(({ kind }) => kind)
}

describe('a simulated system', () => {
  test('has nothing to read', () => {
    expect(connect({}).read).toBeNull()
  })

  test('delivers, or refuses with a 503 that is worth a retry', async () => {
    const delivered = await connect({ latency: '0ms', success_rate: 1 }).write(call(), {})
    expect(delivered).toEqual({ kind: 'delivered', result: {} })
    const refused = await connect({ latency: '0ms', success_rate: 0 }).write(call(), {})
    expect(refused).toMatchObject({
      kind: 'refused',
      stage: 'write',
      httpStatus: 503,
      retryAfter: null,
    })
  })

  test('succeeds as often as it was told to, nine times in ten where it was not', async () => {
    const share = (kinds: readonly string[]) =>
      kinds.filter((kind) => kind === 'delivered').length / kinds.length
    expect(share(await outcomes({}, 10_000))).toBeCloseTo(0.9, 1)
    expect(share(await outcomes({ success_rate: 0.25 }, 10_000))).toBeCloseTo(0.25, 1)
  })

  test('fails in the same order for the same seed', async () => {
    const first = await outcomes({ success_rate: 0.5, seed: 7 }, 100)
    expect(await outcomes({ success_rate: 0.5, seed: 7 }, 100)).toEqual(first)
    expect(await outcomes({ success_rate: 0.5, seed: 8 }, 100)).not.toEqual(first)
  })

  test('takes as long as it was told to', async () => {
    const { clock, timers, move } = stillClock()
    const answer = connect({ latency: '2s', success_rate: 1 }, clock).write(call(), {})
    expect([...timers.values()]).toEqual([2000])
    move(2000)
    expect(await answer).toMatchObject({ kind: 'delivered' })
  })

  test('leaves nothing behind on the signal', async () => {
    const { clock, move } = stillClock()
    const { signal } = new AbortController()
    const answer = connect({}, clock).write(call({}, signal), {})
    move(50)
    await answer
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('needs no timer where it has no latency', async () => {
    const { clock, timers } = stillClock()
    await connect({ latency: '0ms' }, clock).write(call(), {})
    expect(timers.size).toBe(0)
  })

  test('never takes longer than its timeout', async () => {
    const { clock, move } = stillClock()
    const answer = connect({ latency: '1m' }, clock, 10_000).write(call(), {})
    move(10_000)
    expect(await answer).toMatchObject({ kind: 'unanswered', code: 'timeout' })
  })

  test('ends at once when it is interrupted, and leaves no timer behind', async () => {
    const { clock, timers } = stillClock()
    const stop = new AbortController()
    const connection = connect({}, clock)
    const answer = connection.write(call({}, stop.signal), {})
    stop.abort()
    expect(await answer).toEqual({ kind: 'interrupted' })
    expect(timers.size).toBe(0)
    expect(await connection.write(call({}, stop.signal), {})).toEqual({ kind: 'interrupted' })
  })
})
