import { expect, test } from 'vitest'
import { firstOpen } from '../../src/core/closed.ts'
import { pack } from '../../src/core/packed.ts'
import type { Standing } from '../../src/core/verdict.ts'
import { NOW } from '../support/requests.ts'

const MAPPINGS = pack(['a', 'b', 'c'].map((id) => ({ id, source: 'crm', target: 'shop' })))
const COMPLETED: Standing = ['completed', 1, NOW, 10, null]
const TRIED: Standing = ['pending', 1, NOW, null]

test.each([
  [null, 'a'],
  [[COMPLETED], 'b'],
  [[COMPLETED, TRIED, null], 'b'],
  [[COMPLETED, COMPLETED, null], 'c'],
])(
  'the first mapping that is open, tried or not, stands for those that are not done',
  (standings, id) => {
    expect(firstOpen(MAPPINGS, standings && JSON.stringify(standings))).toBe(id)
  },
)
