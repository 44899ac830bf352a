import type { DurationMs, EpochMs } from '../core/units.ts'
import { type Cancel, stayAlive, systemClock } from '../lib/clock.ts'

/** One Ctrl-C comes twice where npm, or whoever else started us, hears it as well and passes it on. */
const ECHO_MS: DurationMs = 200

let heardAt: EpochMs = Number.NEGATIVE_INFINITY

/**
 * Calls `told` each time that somebody asks this process to stop: once, however often that is passed on.
 * When the answer is called, they do what they usually do again; but not before the last one's echo has died
 * away, and until then the process stays, for a signal to one that is ending kills it.
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
    if (systemClock.now() - heardAt > ECHO_MS) return stop()
    const letGo = stayAlive()
    systemClock.after(ECHO_MS, () => {
      stop()
      letGo()
    })
  }
}
