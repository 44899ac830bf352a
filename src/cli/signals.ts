import type { DurationMs, EpochMs } from '../core/units.ts'
import { type Cancel, systemClock } from '../lib/clock.ts'

/** One Ctrl-C comes twice where npm, or whoever else started us, hears it as well and passes it on. */
const ECHO_MS: DurationMs = 300

let heardAt: EpochMs = Number.NEGATIVE_INFINITY

/**
 * Calls `told` each time that somebody asks this process to stop: once, however often that is passed on.
 * When the answer is called, signals are nobody's business here again, but for the echo of the last one.
 */
export function onSignals(signals: readonly NodeJS.Signals[], told: () => void): Cancel {
  function hear(): void {
    const now = systemClock.now()
    if (now - heardAt <= ECHO_MS) return
    heardAt = now
    told()
  }

  function stop(): void {
    for (const signal of signals) process.off(signal, hear)
  }

  for (const signal of signals) process.on(signal, hear)
  return () => {
    if (systemClock.now() - heardAt > ECHO_MS) stop()
    else systemClock.after(ECHO_MS, stop)
  }
}
