import { expect, test } from 'vitest'
import { type Bench, type Finding, inTurn } from '../../bench/bench.ts'
import { rows } from '../../bench/report.ts'

const bench: Bench = { name: 'x', what: '', reference: null, steps: 0, run: async () => [] }

/** The cells of a finding from the judgement on. */
function judged(finding: Finding): readonly string[] | undefined {
  return rows([{ bench, findings: [finding] }])[0]?.slice(4)
}

function comparison(sluice: number, reference: number, enough?: number): Finding {
  const samples = { sluice: [sluice], reference: [reference] }
  const common = { kind: 'comparison', what: '', unit: '', samples, target: 10 } as const
  return enough === undefined ? common : { ...common, enough }
}

test('a comparison is met by its ratio', () => {
  expect(judged(comparison(100, 10))).toEqual(['ratio 10.00', '≥ 10', 'yes'])
  expect(judged(comparison(99, 10))).toEqual(['ratio 9.90', '≥ 10', 'no'])
})

test('or by what is enough, where something is', () => {
  expect(judged(comparison(50, 10, 50))).toEqual(['ratio 5.00', '≥ 10, or Sluice ≥ 50', 'yes'])
  expect(judged(comparison(49, 10, 50))).toEqual(['ratio 4.90', '≥ 10, or Sluice ≥ 50', 'no'])
})

test('what could not be measured says why, and is neither met nor missed', () => {
  const finding: Finding = { kind: 'unmeasured', what: 'beside y', because: 'there is no y' }
  expect(rows([{ bench, findings: [finding] }])).toEqual([
    ['x', 'beside y', '', '', 'not measured: there is no y', '', ''],
  ])
})

test('things are measured in turn, and the first round is left out', async () => {
  const order: string[] = []
  const thing = (name: string) => async () => order.push(name)
  const samples = await inTurn([thing('a'), thing('b')], () => {})
  expect(order.slice(0, 4)).toEqual(['a', 'b', 'a', 'b'])
  expect(samples).toEqual([
    [3, 5, 7, 9, 11],
    [4, 6, 8, 10, 12],
  ])
})
