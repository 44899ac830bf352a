import { expect, test } from 'vitest'
import { parseNotification } from '../../src/store/postgres/notify.ts'

test('a notification of ours is read', () => {
  const hints = [
    { lane: 'crm', rank: 1.5 },
    { lane: 'crm', rank: null },
    { lane: null, rank: null },
  ]
  expect(parseNotification(JSON.stringify({ from: 'a', hints }))).toEqual({ from: 'a', hints })
})

test.each([
  '',
  'hello',
  'null',
  '7',
  '{}',
  '{"from":1,"hints":[]}',
  '{"from":"a"}',
  '{"from":"a","hints":{}}',
  '{"from":"a","hints":[null]}',
  '{"from":"a","hints":[{"lane":"crm"}]}',
  '{"from":"a","hints":[{"lane":"crm","rank":"1"}]}',
])('one of somebody else is left alone: %s', (payload) => {
  expect(parseNotification(payload)).toBeNull()
})
