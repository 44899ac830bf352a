/** What a delivery does with the turns of the systems that it calls. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Outcome } from '../../src/core/outcome.ts'
import { deliverer } from '../../src/deliver/deliver.ts'
import type { Connection } from '../../src/deliver/kind.ts'
import type { Step, Turns } from '../../src/deliver/turns.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { literalOnly } from '../support/transform.ts'
import { MAPPING } from './calls.ts'

const INTERRUPTED: Outcome = { kind: 'interrupted' }

const connection: Connection = {
  read: async () => {
    did.push('read')
    return { kind: 'record', record: {} }
  },
  write: async () => {
    did.push('write')
    return { kind: 'delivered', result: null }
  },
  bulk: null,
  close: async () => {},
}

/** Everything that was done, in order. */
let did: string[]
let closed: AbortController
let calls: AbortController

beforeEach(() => {
  did = []
  closed = new AbortController()
  calls = new AbortController()
})

/** Delivers a mapping whose first step is this one, and waits for each turn. */
function deliver(first: Step, take: () => boolean | Promise<boolean>): Promise<Outcome> {
  const turns: Turns = {
    take: (_, step) => {
      did.push(`${step}: turn`)
      return take()
    },
    give: (_, step, answer) => did.push(`${step}: ${answer?.kind ?? 'no call'}`),
  }
  const mapping = first === 'read' ? MAPPING : { ...MAPPING, data: {} }
  const task = { request: 'request', ordinal: 0, mapping, metadata: null, closed: closed.signal }
  return deliverer(() => connection, literalOnly, systemClock)(task, turns, calls.signal)
}

test('each call takes one, and gives it back with its answer', async () => {
  expect(await deliver('read', () => true)).toEqual({ kind: 'delivered', result: null })
  const written = ['write: turn', 'write', 'write: delivered']
  expect(did).toEqual(['read: turn', 'read', 'read: record', ...written])
})

describe.each<Step>(['read', 'write'])('a %s', (step) => {
  test('of a request that is closed takes none', async () => {
    closed.abort()
    expect(await deliver(step, () => true)).toEqual(INTERRUPTED)
    expect(did).toEqual([])
  })

  test.each([
    ['its request is closed', () => closed],
    ['it is called off', () => calls],
  ])('makes no call where %s before its turn comes, and gives that back', async (_, which) => {
    const turn = Promise.withResolvers<boolean>()
    const delivered = deliver(step, () => turn.promise)
    which().abort()
    turn.resolve(true)
    expect(await delivered).toEqual(INTERRUPTED)
    expect(did).toEqual([`${step}: turn`, `${step}: interrupted`])
  })

  test('says that it made no call where it was not to make one', async () => {
    expect(await deliver(step, () => false)).toEqual(INTERRUPTED)
    expect(did).toEqual([`${step}: turn`, `${step}: no call`])
  })
})
