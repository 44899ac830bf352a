import { describe, expect, test } from 'vitest'
import { simulate } from './world.ts'

const SEEDS = 500

describe('in every simulated world', () => {
  test(`the promises hold (${SEEDS} seeds)`, { timeout: 120_000 }, async () => {
    const first = Number(process.env['SIMULATION_SEED'] ?? 1)
    for (let seed = first; seed < first + SEEDS; seed++) {
      expect(await simulate(seed), `seed ${seed}`).toEqual([])
    }
  })
})
