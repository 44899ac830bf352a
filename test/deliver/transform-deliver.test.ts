/** Where the transformation stands in a delivery, and when nothing is computed. */
import { expect, test } from 'vitest'
import type { Json } from '../../src/core/units.ts'
import { deliverer, type Task } from '../../src/deliver/deliver.ts'
import type { Connection } from '../../src/deliver/kind.ts'
import type { Input, Transform, Transformed } from '../../src/deliver/transform/job.ts'
import type { Turns } from '../../src/deliver/turns.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { literalOnly } from '../support/transform.ts'
import { MAPPING } from './calls.ts'

const TRANSFORMATION = { email: '{% record.email %}' }
const RECORD = { email: 'ann@example.com' }
const METADATA = { run: 'nightly' }

/** Delivers one mapping with systems that take everything, and notes what was done. */
async function deliver(task: Partial<Task>, transform: Transform) {
  const steps: string[] = []
  const payloads: Json[] = []
  const connection: Connection = {
    read: async () => {
      steps.push('read')
      return { kind: 'record', record: RECORD }
    },
    write: async (_, payload) => {
      steps.push('write')
      payloads.push(payload)
      return { kind: 'delivered', result: null }
    },
    bulk: null,
    close: async () => {},
  }
  const turns: Turns = { take: () => true, give: () => {} }
  const { signal: closed } = new AbortController()
  const usual = { request: 'request', ordinal: 0, mapping: MAPPING, metadata: METADATA, closed }
  const whole = { ...usual, ...task }
  const noted: Transform = (transformation, input, signal) => {
    steps.push('transform')
    return transform(transformation, input, signal)
  }
  const { signal } = new AbortController()
  const outcome = await deliverer(() => connection, noted, systemClock)(whole, turns, signal)
  return { outcome, steps, payloads }
}

function always(transformed: Transformed): Transform {
  return async () => transformed
}

test('what was read is transformed, and what that gives is written', async () => {
  const inputs: Input[] = []
  const { steps, payloads } = await deliver(
    { mapping: { ...MAPPING, transformation: TRANSFORMATION } },
    async (_, input) => {
      inputs.push(input)
      return { kind: 'payload', payload: { done: true } }
    },
  )
  expect(steps).toEqual(['read', 'transform', 'write'])
  expect(inputs).toEqual([{ ...MAPPING, metadata: METADATA, record: RECORD }])
  expect(payloads).toEqual([{ done: true }])
})

test.each<Transformed>([
  { kind: 'impossible', stage: 'transform', code: 'transformation_failed', message: 'No.' },
  { kind: 'interrupted' },
])('a transformation that ends as $kind ends the attempt: nothing is written', async (ending) => {
  const mapping = { ...MAPPING, data: RECORD, transformation: TRANSFORMATION }
  const { outcome, steps } = await deliver({ mapping }, always(ending))
  expect(outcome).toEqual(ending)
  expect(steps).toEqual(['transform'])
})

test('a transformation without expressions is sent as it is', async () => {
  const transformation = { text: 'say {% x %}' }
  const mapping = { ...MAPPING, data: RECORD, transformation }
  expect(await deliver({ mapping }, literalOnly)).toMatchObject({
    steps: ['write'],
    payloads: [transformation],
  })
})

test('in a batch that is known to hold none, nobody looks for expressions', async () => {
  const mapping = { ...MAPPING, data: RECORD, transformation: TRANSFORMATION }
  expect(await deliver({ mapping, metadata: null }, literalOnly)).toMatchObject({
    steps: ['write'],
    payloads: [TRANSFORMATION],
  })
})

test('of a closed request nothing is read, and what was read is not written', async () => {
  const closed = AbortSignal.abort()
  expect(await deliver({ closed }, literalOnly)).toMatchObject({
    outcome: { kind: 'interrupted' },
    steps: [],
  })
  const closing = new AbortController()
  const mapping = { ...MAPPING, transformation: TRANSFORMATION }
  const { outcome, steps } = await deliver({ mapping, closed: closing.signal }, async () => {
    closing.abort()
    return { kind: 'payload', payload: {} }
  })
  expect(outcome).toEqual({ kind: 'interrupted' })
  expect(steps).toEqual(['read', 'transform'])
})
