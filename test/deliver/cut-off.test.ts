/** What a call would still send is not sent once it was cut off: its mapping may be on its way again. */
import type { Collection } from 'mongodb'
import { expect, test } from 'vitest'
import { judge } from '../../src/deliver/kinds/amqp/judge.ts'
import { DELIVERED } from '../../src/deliver/kinds/endings.ts'
import { upsert } from '../../src/deliver/kinds/mongodb/upsert.ts'
import { SharedLine, writeOver } from '../../src/deliver/kinds/shared-line.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { delivery } from './systems-under-test.ts'

test('a call that is interrupted while its line is made hands nothing over once it is there', async () => {
  const opening = Promise.withResolvers<string>()
  const line = new SharedLine({ open: () => opening.promise, end: () => {} })
  const written: string[] = []
  const write = async (_: unknown, text: string) => {
    written.push(text)
    return DELIVERED
  }
  const writeMany = writeOver(line, { clock: systemClock, timeout: 5000 }, write, judge)
  const stop = new AbortController()
  const first = writeMany([delivery('a', 1)], stop.signal)
  const second = writeMany([delivery('b', 2)], new AbortController().signal)
  stop.abort()
  expect(await first).toEqual([{ kind: 'interrupted' }])
  opening.resolve('open')
  expect(await second).toEqual([DELIVERED])
  expect(written).toEqual(['2'])
})

test('documents that go one by one stop when the call is cut off', async () => {
  const cut = new AbortController()
  let commands = 0
  const collection = {
    async bulkWrite(operations: readonly unknown[]) {
      commands += 1
      if (operations.length > 1) throw Object.assign(new Error('spoilt for all'), { code: 2 })
      cut.abort()
    },
  }
  const replacements = ['a', 'b', 'c'].map((_id, place) => ({ place, document: { _id } }))
  const shared = { key: '_id', answers: [], cut: cut.signal }
  await upsert(collection as unknown as Collection, replacements, shared)
  expect(commands).toBe(2)
})
