import { setImmediate as turn } from 'node:timers/promises'
import type { DurationMs } from '../../src/core/units.ts'
import type { SimulatedClock } from '../sim/clock.ts'

/** Lets so much time pass, with everything that falls due in it. */
export async function pass(clock: SimulatedClock, duration: DurationMs): Promise<void> {
  // What was begun goes on first, at the time at which it was begun.
  await turn()
  const end = clock.now() + Math.ceil(duration)
  let over = false
  clock.after(duration, () => {
    over = true
  })
  while (!over) await clock.step(end)
}

/** Lets time pass until something is so. It must be so within an hour. */
export async function until(
  clock: SimulatedClock,
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = clock.now() + 3_600_000
  while (!(await isSo())) {
    if (!(await clock.step(end))) throw new Error('an hour went by, and it is still not so')
  }
}
