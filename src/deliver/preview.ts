import type { Placed, PreviewMappings } from '../core/preview.ts'
import { traceparent } from '../core/trace.ts'
import type { DurationMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import { holdsExpressions } from '../lib/expression.ts'
import type { Call, Preview } from './kind.ts'
import { NOT_SHOWN } from './preview-guard.ts'
import { type Draft, previewOf, type Shaped, type Written } from './preview-view.ts'
import { inputOf, payload } from './template.ts'
import type { Transform } from './transform/job.ts'

/** One system, as far as its calls can be told without making any. */
export interface Previewable {
  /** Null where its kind shows none. */
  readonly preview: Preview | null
  /** Records can be read from it. */
  readonly readable: boolean
  /** How many mappings one call may hold. */
  readonly together: number
}

/** Finds a system by name; null where there is none. */
export type FindPreviewable = (system: string) => Previewable | null

/** So long the expressions of all mappings that are looked at may take together. */
const PATIENCE_MS: DurationMs = 10_000

/** Stands for the id that the request would get: the nil UUID (RFC 9562 section 5.9). */
const NO_REQUEST = '00000000-0000-0000-0000-000000000000'

/** Tells what `deliverer` would do, with the same systems and the same `transform`. */
export function previewer(
  find: FindPreviewable,
  transform: Transform,
  clock: Clock,
): PreviewMappings {
  async function draft(call: Call, metadata: Metadata): Promise<Draft> {
    const { mapping } = call
    if (mapping.data !== undefined) {
      return { call, record: 'data', read: null, shaped: await shape(call, metadata, false) }
    }
    const source = find(mapping.source)
    if (source === null || !source.readable) {
      return { call, record: 'none', read: null, shaped: await shape(call, metadata, false) }
    }
    const read = source.preview?.read?.(call) ?? NOT_SHOWN
    return { call, record: 'source', read, shaped: await shape(call, metadata, true) }
  }

  /** @param isUnread there is a record, which is not known here */
  async function shape(
    { mapping, signal }: Call,
    metadata: Metadata,
    isUnread: boolean,
  ): Promise<Shaped> {
    const { transformation, data } = mapping
    if (transformation === undefined && isUnread) return { kind: 'unread' }
    if (transformation === undefined || !holdsExpressions(transformation)) {
      return { kind: 'payload', payload: payload(mapping, data) }
    }
    const input = inputOf(mapping, metadata, data)
    return transform(transformation, isUnread ? { ...input, isUnread } : input, signal)
  }

  return async (mappings, metadata) => {
    const patience = new AbortController()
    const cancel = clock.after(PATIENCE_MS, () => patience.abort())
    const calls = mappings.map((placed) => callFor(placed, patience.signal))
    const drafts = await Promise.all(calls.map((call) => draft(call, metadata)))
    cancel()
    const written = writesOf(drafts, find)
    return drafts.map((each) => previewOf(each, written.get(each) ?? null))
  }
}

type Metadata = Readonly<Record<string, string>>

function callFor({ ordinal, mapping }: Placed, signal: AbortSignal): Call {
  return {
    mapping,
    request: NO_REQUEST,
    idempotencyKey: `${NO_REQUEST}:${ordinal}`,
    traceparent: traceparent(NO_REQUEST, ordinal),
    signal,
  }
}

/** How each is written whose payload is known; those that share a call are shown the same one. */
function writesOf(drafts: readonly Draft[], find: FindPreviewable): ReadonlyMap<Draft, Written> {
  const written = new Map<Draft, Written>()
  const lanes = Map.groupBy(drafts, ({ call }) => call.mapping.target)
  for (const [target, all] of lanes) {
    const { preview, together } = find(target) ?? NO_SYSTEM
    const known = all.flatMap((draft) => {
      const { call, shaped } = draft
      return shaped.kind === 'payload' ? [{ draft, call, payload: shaped.payload }] : []
    })
    for (let from = 0; from < known.length; from += together) {
      const deliveries = known.slice(from, from + together)
      const shown = preview?.write(deliveries) ?? deliveries.map(() => NOT_SHOWN)
      for (const [place, { draft }] of deliveries.entries()) {
        const own = shown[place] ?? NOT_SHOWN
        const sharing = deliveries.filter((_, other) => shown[other] === own)
        const mappings = sharing.map(({ call }) => call.mapping.id)
        written.set(draft, { shown: own, mappings, together })
      }
    }
  }
  return written
}

const NO_SYSTEM: Previewable = { preview: null, readable: false, together: 1 }
