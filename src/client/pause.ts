/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it is aborted. */
export function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const timer = setTimeout(wake, delayMs)
    signal?.addEventListener('abort', cancel, { once: true })

    function wake() {
      signal?.removeEventListener('abort', cancel)
      resolve()
    }

    function cancel() {
      clearTimeout(timer)
      reject(signal?.reason)
    }
  })
}
