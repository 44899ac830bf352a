/** Runs what Ctrl-C may end in order; null where it did. */
export async function interruptible<Answer>(
  run: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer | null> {
  const interruption = new AbortController()
  const interrupt = () => interruption.abort()
  process.once('SIGINT', interrupt)
  try {
    return await run(interruption.signal)
  } catch (error) {
    if (!interruption.signal.aborted) throw error
    return null
  } finally {
    process.removeListener('SIGINT', interrupt)
  }
}
