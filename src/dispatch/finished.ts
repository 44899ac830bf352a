import { isCallbackName } from '../core/callback.ts'
import { endOf, type Request } from '../core/request.ts'
import type { Emit } from '../observe/events.ts'
import type { QueryStore } from '../store/store.ts'
import { tellExpired } from './callback.ts'
import { whileAvailable } from './or-unavailable.ts'

/**
 * Tells of the end of requests. What became of a callback its lease tells, unless its time was over.
 * A store that is away only keeps it from telling that.
 */
export async function tellFinished(
  requests: readonly Request[],
  store: Pick<QueryStore, 'batches'>,
  emit: Emit,
): Promise<void> {
  for (const request of requests) {
    if (!isCallbackName(request.tenant)) emit({ event: 'request_finished', ...endOf(request) })
  }
  await whileAvailable(async () => {
    for (const request of requests) {
      if (isCallbackName(request.tenant) && request.closing === 'expired') {
        await tellExpired(request, store, emit)
      }
    }
  }, emit)
}
