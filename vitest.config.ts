import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Each keeps both of two cores busy and measures time: beside another it would fail. */
const ALONE = ['bulk', 'transform'].map((name) => `test/fault/${name}.test.ts`)

export default defineConfig({
  test: {
    testTimeout: 30_000,
    // Where it decides what lands, a machine that was busy for a moment gets a second look; a fault does not go away.
    retry: process.env['CI'] === undefined ? 0 : 1,
    projects: [
      {
        extends: true,
        test: {
          name: 'promises',
          include: ['test/**/*.test.ts'],
          exclude: ['test/fault/**'],
          // By default one core is left to vitest itself, which has little to do.
          maxWorkers: availableParallelism(),
        },
      },
      {
        // Real processes, killed under load, when the rest is done. They wait most of the time, two beside each other.
        extends: true,
        test: {
          name: 'fault',
          include: ['test/fault/**/*.test.ts'],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // One at a time, when nothing else keeps the machine busy.
        extends: true,
        test: {
          name: 'alone',
          include: ALONE,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
