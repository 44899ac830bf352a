/** How both stores list requests: by ranges of an index, and never through all that they hold. */
import { PRIORITIES, type Priority } from '../core/mapping.ts'
import { REQUEST_STATES, type RequestState } from '../core/request.ts'
import { idsFrom } from '../lib/random.ts'
import type { RequestFilter } from './store.ts'

export interface Ranges {
  /** Each of them with each priority is a range; null where everything is wanted, which is one range. */
  readonly states: readonly RequestState[] | null
  readonly priorities: readonly Priority[]
  /** Ids from here on … */
  readonly from: string
  /** … and before here. */
  readonly to: string
}

/** After every id there is. */
const END = 'g'

/** Where the requests are that a filter lets through. */
export function rangesOf({ state, priority, createdAfter, before }: RequestFilter): Ranges {
  const isEverything = state === null && priority === null
  return {
    states: isEverything ? null : state === null ? REQUEST_STATES : [state],
    priorities: priority === null ? PRIORITIES : [priority],
    from: createdAfter === null ? '' : idsFrom(createdAfter + 1),
    to: before ?? END,
  }
}
