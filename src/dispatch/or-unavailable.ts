import type { Emit } from '../observe/events.ts'
import { StoreUnavailable } from '../store/store.ts'

/** What the store gives; null where it is away, which is told. */
export async function orUnavailable<T>(ask: () => Promise<T>, emit: Emit): Promise<T | null> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
    emit({ event: 'store_unavailable', message: error.message })
    return null
  }
}

/** Does something with the store, and gives whether it was there to the end; that it was not is told. */
export async function whileAvailable(act: () => Promise<void>, emit: Emit): Promise<boolean> {
  const done = await orUnavailable(async () => {
    await act()
    return true
  }, emit)
  return done ?? false
}
