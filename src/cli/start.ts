import type { App } from '../app.ts'
import type { Settings } from '../config/settings.ts'
import { complain } from './complain.ts'
import { EXIT } from './exit.ts'

/** What becomes of an instance started in this process; where it cannot start, people are told why. */
export type Started =
  | { readonly ok: true; readonly app: App }
  | { readonly ok: false; readonly code: typeof EXIT.unavailable }

/** Starts an instance of the service in this process. Loads the service only now: it is large. */
export async function start(settings: Settings): Promise<Started> {
  const { StartError, startApp } = await import('../app.ts')
  try {
    return { ok: true, app: await startApp(settings) }
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    return { ok: false, code: complain(error.message, EXIT.unavailable) }
  }
}
