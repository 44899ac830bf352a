import { beforeEach, describe, expect, test } from 'vitest'
import { USUAL_ANSWERS } from '../../src/core/answers.ts'
import type { BreakerPolicy } from '../../src/core/breaker.ts'
import { NO_OVERRIDE, type Override } from '../../src/core/limits.ts'
import { REPORTED_MS } from '../../src/core/report.ts'
import type { MappingError } from '../../src/core/verdict.ts'
import { Access, putOffUntil, SystemGate } from '../../src/dispatch/access.ts'
import { Accesses } from '../../src/dispatch/accesses.ts'
import { Limiter } from '../../src/dispatch/limiter.ts'
import { WHOLE } from '../../src/dispatch/part.ts'
import { SimulatedClock } from '../sim/clock.ts'
import { pass } from './time.ts'

const BREAKER: BreakerPolicy = { failureRatio: 0.5, window: 90_000, minimum: 4, cooldown: 30_000 }

let clock: SimulatedClock

beforeEach(() => {
  clock = new SimulatedClock()
})

describe('a breaker', () => {
  let access: Access

  beforeEach(() => {
    access = new Access(
      'crm',
      new Limiter({ concurrency: 4, rate: null }, clock, () => {}),
      BREAKER,
    )
  })

  /** Whether the last of so many calls that fail closes the gate. */
  function trips(failures: number): boolean {
    const heard = Array.from({ length: failures }, () => hear())
    return heard.at(-1) !== null
  }

  function hear() {
    return access.breaker?.hear(true, access.gate, clock.now()) ?? null
  }

  test('begins to count anew once it has closed the gate', () => {
    expect(trips(BREAKER.minimum)).toBe(true)
    expect(trips(BREAKER.minimum - 1)).toBe(false)
    expect(trips(1)).toBe(true)
  })

  test('hears nothing new of calls that were under way when the gate closed', async () => {
    access.gate.closedUntil = clock.now() + 1000
    expect(trips(10 * BREAKER.minimum)).toBe(false)
    await pass(clock, 1000)
    expect(trips(BREAKER.minimum - 1)).toBe(false)
    expect(trips(1)).toBe(true)
  })

  test('closes the gate again by one probe that fails, if it was a breaker that had closed it', () => {
    access.gate.probing = 'write'
    for (const state of ['held', 'throttled'] as const) {
      access.gate.closed = { state, until: clock.now(), reason: 'It said so.' }
      expect(hear()).toBeNull()
    }
    access.gate.closed = { state: 'tripped', until: clock.now(), reason: 'It failed.' }
    expect(hear()).toMatchObject({ state: 'tripped', until: clock.now() + BREAKER.cooldown })
  })

  test('keeps its system from being forgotten for as long as what it has counted counts', async () => {
    expect(access.idle(clock.now())).toBe(true)
    hear()
    await pass(clock, BREAKER.window - 1)
    expect(access.idle(clock.now())).toBe(false)
    await pass(clock, 1)
    expect(access.idle(clock.now())).toBe(true)
  })
})

describe('what a closed gate keeps from being read', () => {
  test('is looked at again when the gate opens, and every five seconds until then', () => {
    const now = clock.now()
    const gate = new SystemGate()
    gate.closedUntil = now + 2000
    expect(putOffUntil(gate, now)).toBe(now + 2000)
    gate.closedUntil = now + 3_600_000
    expect(putOffUntil(gate, now)).toBe(now + 5000)
    gate.closedUntil = now - 1
    expect(putOffUntil(gate, now)).toBe(now)
  })

  test('is looked at every five seconds where nobody can tell when it opens', () => {
    const now = clock.now()
    const [paused, probed] = [new SystemGate(), new SystemGate()]
    paused.paused = true
    probed.probing = 'read'
    for (const gate of [paused, probed]) expect(putOffUntil(gate, now)).toBe(now + 5000)
  })
})

describe('the systems of a worker', () => {
  let accesses: Accesses
  let told: (readonly [system: string, paused: boolean])[]

  beforeEach(() => {
    told = []
    accesses = new Accesses({
      rules: () => ({
        limits: { concurrency: 4, rate: null },
        retry: { attempts: 1, first: 100, cap: 100 },
        answers: USUAL_ANSWERS,
        together: 1,
        readable: true,
      }),
      clock,
      onFree: () => {},
      onPaused: (system, paused) => told.push([system, paused]),
    })
    accesses.assign(WHOLE)
  })

  function override(system: string, change: Partial<Override>): void {
    accesses.override([{ system, override: { ...NO_OVERRIDE, ...change }, gate: null }])
  }

  test('are as operators say, whether it deals with them already or not', () => {
    const early = accesses.of('early')
    override('early', { concurrency: 2, paused: true })
    expect([early.limiter.concurrency, early.gate.paused]).toEqual([2, true])
    override('late', { concurrency: 1, paused: true })
    const late = accesses.of('late')
    expect([late.limiter.concurrency, late.gate.paused]).toEqual([1, true])
    // Of the first they say nothing any more.
    expect([early.limiter.concurrency, early.gate.paused]).toEqual([4, false])
    expect(told).toEqual([
      ['early', true],
      ['early', false],
    ])
  })

  test('are shared as it is told, whether it deals with them already or not', () => {
    const early = accesses.of('early')
    accesses.assign({ workers: 4, position: 0 })
    expect([early, accesses.of('late')].map(({ limiter }) => limiter.concurrency)).toEqual([1, 1])
  })

  test('are forgotten when nothing of the last minute is to be told of them, and nobody uses them', async () => {
    const target = accesses.of('crm')
    accesses.note({ kind: 'completed', result: null }, target, null, clock.now())
    const isKnown = () => {
      accesses.tidy((system) => system === 'used')
      return accesses.known('crm') === target
    }
    await pass(clock, REPORTED_MS / 2)
    expect(isKnown()).toBe(true)
    accesses.of('used')
    await pass(clock, REPORTED_MS)
    // What was counted is forgotten when it is told.
    target.tally.news({ concurrency: 4, learnedRate: null, callLength: null }, clock.now())
    expect(isKnown()).toBe(false)
    expect(accesses.known('used')).not.toBeNull()
  })

  test('are told what was brought to an end for them, and which of the two it was that failed', () => {
    const [target, source] = [accesses.of('crm'), accesses.of('erp')]
    accesses.note({ kind: 'completed', result: null }, target, 'erp', clock.now())
    accesses.note({ kind: 'failed', error: errorIn('write') }, target, 'erp', clock.now())
    accesses.note({ kind: 'retry', error: errorIn('read'), runAt: 0 }, target, 'erp', clock.now())
    accesses.note({ kind: 'snooze', error: null, runAt: 0 }, target, 'erp', clock.now())
    const news = [target, source].map(({ tally }) =>
      tally.news({ concurrency: 4, learnedRate: null, callLength: null }, clock.now()),
    )
    expect(news).toMatchObject([
      { perMinute: 2, lastError: { stage: 'write' } },
      { perMinute: 0, lastError: { stage: 'read' } },
    ])
  })
})

function errorIn(stage: MappingError['stage']): MappingError {
  return { code: 'timeout', message: 'There was no answer.', stage, httpStatus: null }
}
