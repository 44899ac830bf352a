/** Resolves when all else that was ready to go on in this thread has had its turn. */
export function othersFirst(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
