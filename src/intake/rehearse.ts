import { type Forecast, forecastOf } from '../core/forecast.ts'
import type { Mapping } from '../core/mapping.ts'
import type { Outlook } from '../core/outlook.ts'
import type { MappingPreview, PreviewMappings } from '../core/preview.ts'
import type { DurationMs } from '../core/units.ts'
import type { QueryStore } from '../store/store.ts'
import type { LanePlan } from './draft.ts'
import { type OutlookPorts, outlooksOf } from './outlooks.ts'
import type { Plan, Planned } from './plan.ts'
import type { Submission } from './read.ts'

export interface RehearsalPorts extends OutlookPorts {
  readonly store: Pick<QueryStore, 'load' | 'keyed'>
  readonly preview: PreviewMappings
}

/** What would come of a request, were it handed in now. */
export interface Rehearsal {
  readonly plan: Plan
  readonly lanes: readonly LaneRehearsal[]
  /** Of the first mappings. */
  readonly previews: readonly MappingPreview[]
  readonly key: KeyUse
}

export interface LaneRehearsal extends LanePlan {
  /** Of the target alone. */
  readonly outlook: Outlook
  readonly forecast: Forecast
}

/** What the request's idempotency key would do. */
export type KeyUse =
  /** There is none, or it has not been used. */
  | { readonly kind: 'fresh' }
  /** The answer to this same request would come again. */
  | { readonly kind: 'replay'; readonly request: string }
  /** It belongs to another body. */
  | { readonly kind: 'conflict' }
  /** A request with it is still being received. */
  | { readonly kind: 'receiving' }

/** Whose request it would be, and with which key. */
export type Caller = Pick<Submission, 'tenant' | 'idempotencyKey'>

/** Tells what would come of a request that was planned. It calls no system, and writes nothing. */
export async function rehearse(
  { plan, fingerprint }: Planned,
  { tenant, idempotencyKey }: Caller,
  ports: RehearsalPorts,
): Promise<Rehearsal> {
  const [outlooks, previews, use] = await Promise.all([
    outlooksOf(plan, tenant, ports),
    previewsOf(plan, ports.preview),
    idempotencyKey === null ? FRESH : keyUse(tenant, idempotencyKey, fingerprint, ports.store),
  ])
  const wait = Math.max(0, (plan.notBefore ?? 0) - ports.clock.now())
  const lanes = plan.lanes.map((lane) => rehearseLane(lane, outlooks, wait))
  return { plan, lanes, previews, key: use }
}

const FRESH = { kind: 'fresh' } as const

function rehearseLane(
  lane: LanePlan,
  outlooks: ReadonlyMap<string, Outlook>,
  wait: DurationMs,
): LaneRehearsal {
  const others = new Set(lane.sources)
  others.delete(lane.target)
  const [outlook, ...sources] = [lane.target, ...others].flatMap((name) => outlooks.get(name) ?? [])
  if (outlook === undefined) throw new Error('there is an outlook for every lane')
  return { ...lane, outlook, forecast: forecastOf([outlook, ...sources], wait) }
}

async function keyUse(
  tenant: string,
  key: string,
  fingerprint: string | null,
  store: RehearsalPorts['store'],
): Promise<KeyUse> {
  const used = await store.keyed(tenant, key)
  if (used === null) return FRESH
  if (used.isReceiving) return { kind: 'receiving' }
  return used.fingerprint === fingerprint
    ? { kind: 'replay', request: used.request }
    : { kind: 'conflict' }
}

async function previewsOf(
  { sample, metadata }: Plan,
  preview: PreviewMappings,
): Promise<readonly MappingPreview[]> {
  const wanted = sample.filter(({ isTooLarge }) => !isTooLarge)
  const previews = new Map((await preview(wanted, metadata)).map((each) => [each.id, each]))
  return sample.map(({ mapping }) => previews.get(mapping.id) ?? unseen(mapping))
}

function unseen({ id, source, target }: Mapping): MappingPreview {
  const nothing = { record: null, payload: null, unread: [], read: null, write: null, error: null }
  const notes = ['The mapping is too large to be looked at.']
  return { ...{ id, source, target }, ...nothing, notes }
}
