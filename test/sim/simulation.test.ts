import { describe, expect, test } from 'vitest'
import { simulate } from './world.ts'

const SEEDS = 500
/** Of computing, which is all it does: what else the machine is busy with does not count. */
const WITHIN_MS = 60_000

describe('in every simulated world', () => {
  test(`the promises hold (${SEEDS} seeds, in a minute)`, { timeout: 120_000 }, async () => {
    const first = Number(process.env['SIMULATION_SEED'] ?? 1)
    const before = process.cpuUsage()
    for (let seed = first; seed < first + SEEDS; seed++) {
      expect(await simulate(seed), `seed ${seed}`).toEqual([])
    }
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1000).toBeLessThan(WITHIN_MS)
  })
})
