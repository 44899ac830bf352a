import type { FastifyReply } from 'fastify'
import type { MappingPreview } from '../core/preview.ts'
import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Planned } from '../intake/plan.ts'
import { type Caller, type LaneRehearsal, type Rehearsal, rehearse } from '../intake/rehearse.ts'
import { keyProblem } from './idempotency.ts'
import type { HttpPorts } from './ports.ts'
import { problemDocument, type Slug } from './problem.ts'
import type { LaneView, PreviewView, RehearsalView } from './rehearsal-schema.ts'
import { ratesView, type SystemDescription } from './system.ts'
import { gateView } from './waiting.ts'

/** Answers a request that was planned with what would come of it; nothing of it is kept. */
export async function sendRehearsal(
  reply: FastifyReply,
  planned: Planned,
  caller: Caller & Pick<Circumstances, 'overloaded'>,
  ports: HttpPorts,
): Promise<FastifyReply> {
  const rehearsal = await rehearse(planned, caller, ports)
  const { overloaded } = caller
  const now = ports.clock.now()
  return reply.send(rehearsalView(rehearsal, { now, describe: ports.describe, overloaded }))
}

/** What is known of a rehearsal beside what it tells. */
interface Circumstances {
  readonly now: EpochMs
  readonly describe: (system: string) => SystemDescription | null
  /** What a request is told that is turned away for what is open already; null where none is. */
  readonly overloaded: string | null
}

/** What would come of a request, as its caller sees it. */
function rehearsalView(
  { plan, lanes, previews, key }: Rehearsal,
  circumstances: Circumstances,
): RehearsalView {
  return {
    ...reception(key, circumstances),
    total_mappings: plan.total,
    skipped_mappings: plan.skipped,
    priority: plan.priority,
    batches: plan.batches,
    batch_size: plan.batchSize,
    predicted_seconds: lanes.map(({ forecast }) => seconds(forecast.duration)).reduce(longer, 0),
    lanes: lanes.map((lane) => laneView(lane, circumstances)),
    mappings: previews.map(previewView),
  }
}

/** In the order in which a request would meet them. */
function reception(key: Rehearsal['key'], { overloaded }: Circumstances) {
  if (overloaded !== null) return refused('overloaded', overloaded)
  switch (key.kind) {
    case 'fresh':
      return { would_be: 'accepted', replay_of: null, problem: null } as const
    case 'replay':
      return { would_be: 'replayed', replay_of: key.request, problem: null } as const
    default: {
      const { slug, detail } = keyProblem(key.kind)
      return refused(slug, detail)
    }
  }
}

function refused(slug: Slug, detail: string) {
  const problem = problemDocument(slug, detail)
  return { would_be: 'refused', replay_of: null, problem } as const
}

/** Nothing is done in no time. */
function seconds(duration: DurationMs | null): number | null {
  return duration === null ? null : Math.max(1, Math.ceil(duration / 1000))
}

function longer(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.max(a, b)
}

function laneView(
  { target, mappings, batches, sources, outlook, forecast }: LaneRehearsal,
  { now, describe }: Circumstances,
): LaneView {
  const { limits, learned, call, gate, paused, before, together } = outlook.work
  return {
    target,
    kind: describe(target)?.kind ?? '',
    mappings,
    batches,
    reads_from: [...sources],
    predicted_seconds: seconds(forecast.duration),
    bounded_by: forecast.boundedBy,
    because: forecast.because,
    mappings_before: before,
    gate: gateView({ gate, override: { paused } }, now),
    limits: {
      concurrency: limits.concurrency,
      rate: ratesView(limits.rate),
      learned_rate: learned,
      mappings_per_call: together,
    },
    call_ms: call.known === 'timeout' ? null : call.duration,
  }
}

function previewView(preview: MappingPreview): PreviewView {
  const { id, source, target, record, payload, unread, read, write, error, notes } = preview
  return {
    ...{ id, source, target, record, payload },
    depends_on_record: [...unread],
    read: read && { ...read },
    write: write && {
      mappings: [...write.mappings],
      holds_up_to: write.together,
      call: { ...write.call },
    },
    error: error && { code: error.code, message: error.message, stage: error.stage },
    notes: [...notes],
  }
}
