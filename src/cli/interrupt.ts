import { EXIT } from './exit.ts'
import { onSignals } from './signals.ts'

/** Runs what Ctrl-C may end in order; null where it did. A second one ends the process at once. */
export async function interruptible<Answer>(
  run: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer | null> {
  const interruption = new AbortController()
  const stopListening = onSignals(['SIGINT'], () => {
    if (interruption.signal.aborted) process.exit(EXIT.interrupted)
    interruption.abort()
  })
  try {
    return await run(interruption.signal)
  } catch (error) {
    if (!interruption.signal.aborted) throw error
    return null
  } finally {
    stopListening()
  }
}
