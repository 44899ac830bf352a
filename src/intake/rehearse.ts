import { type Forecast, forecastOf } from '../core/forecast.ts'
import type { Mapping } from '../core/mapping.ts'
import type { Outlook } from '../core/outlook.ts'
import type { MappingPreview, PreviewMappings } from '../core/preview.ts'
import type { NewRequest, QueryStore } from '../store/store.ts'
import { idempotencyOf } from './accept.ts'
import { type OutlookPorts, outlooksOf } from './outlooks.ts'
import { type LanePlan, type Plan, planOf } from './plan.ts'
import type { Refusal } from './problem.ts'
import { type ReadPorts, read, type Submission } from './read.ts'

export interface RehearsalPorts extends OutlookPorts {
  readonly store: Pick<QueryStore, 'load' | 'keyed'>
  readonly preview: PreviewMappings
}

/** What would come of a request, were it handed in now. */
export interface Rehearsal {
  readonly kind: 'rehearsed'
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

/** Does all that `accept` does with a submission, but keeps nothing of it; it calls no system. */
export async function rehearse(
  submission: Submission,
  ports: ReadPorts & RehearsalPorts,
): Promise<Rehearsal | Refusal> {
  const parsed = await read(submission, ports, ports.clock.now())
  if (parsed.kind === 'refused') return parsed
  const plan = planOf(parsed, ports.limits.batchSize, ports.systems)
  return rehearsalOf(plan, submission.tenant, idempotencyOf(submission), ports)
}

/** Tells what would come of a plan. */
export async function rehearsalOf(
  plan: Plan,
  tenant: string,
  idempotency: NewRequest['idempotency'],
  ports: RehearsalPorts,
): Promise<Rehearsal> {
  const [outlooks, previews, key] = await Promise.all([
    outlooksOf(plan, tenant, ports),
    previewsOf(plan, ports.preview),
    keyUse(tenant, idempotency, ports.store),
  ])
  const lanes = plan.lanes.map((lane) => rehearseLane(lane, outlooks))
  return { kind: 'rehearsed', plan, lanes, previews, key }
}

function rehearseLane(lane: LanePlan, outlooks: ReadonlyMap<string, Outlook>): LaneRehearsal {
  const others = new Set(lane.sources)
  others.delete(lane.target)
  const [outlook, ...sources] = [lane.target, ...others].flatMap((name) => outlooks.get(name) ?? [])
  if (outlook === undefined) throw new Error('there is an outlook for every lane')
  return { ...lane, outlook, forecast: forecastOf([outlook, ...sources]) }
}

async function keyUse(
  tenant: string,
  idempotency: NewRequest['idempotency'],
  store: RehearsalPorts['store'],
): Promise<KeyUse> {
  const used = idempotency && (await store.keyed(tenant, idempotency.key))
  if (used === null) return { kind: 'fresh' }
  if (used.isReceiving) return { kind: 'receiving' }
  return used.fingerprint === idempotency?.fingerprint
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
