/** Reads a stream chunk by chunk. Whoever stops early cancels it. Not every browser can iterate one. */
export async function* chunksOf(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader()
  let isOpen = true
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      yield value
    }
    isOpen = false
  } finally {
    if (isOpen) await reader.cancel()
  }
}
