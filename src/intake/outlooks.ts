import { inForce, type Limits } from '../core/limits.ts'
import { type CallLength, type Outlook, outlookOf, type SystemWork } from '../core/outlook.ts'
import { mappingsBefore } from '../core/rank.ts'
import { concurrencyInForce, type Reported, together } from '../core/report.ts'
import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import type { QueryStore, SystemLoad } from '../store/store.ts'
import type { Plan } from './plan.ts'

/** What is known of a system before it is called. */
export interface SystemFacts {
  readonly limits: Limits
  readonly timeout: DurationMs
  /** How many mappings one call that writes may hold. */
  readonly together: number
  /** How long a call takes; null where nobody knows. */
  readonly latency: DurationMs | null
}

export interface OutlookPorts {
  readonly store: Pick<QueryStore, 'load'>
  readonly clock: Clock
  /** Null where there is no system of this name. */
  readonly facts: (system: string) => SystemFacts | null
}

/** How long each system would take for its part, by name, as it stands now. */
export async function outlooksOf(
  plan: Plan,
  tenant: string,
  { store, clock, facts }: OutlookPorts,
): Promise<ReadonlyMap<string, Outlook>> {
  const writes = new Map(plan.lanes.map(({ target, mappings }) => [target, mappings]))
  const outlooks = new Map<string, Outlook>()
  // One after the other: a request may name a thousand systems, and others want an answer, too.
  for (const system of new Set([...writes.keys(), ...Object.keys(plan.sources)])) {
    const known = facts(system)
    if (known === null) throw new Error('every name in a plan has been checked')
    const [written, reads] = [writes.get(system) ?? 0, plan.sources[system] ?? 0]
    const { priority } = plan
    const load = await store.load(system, { tenant, priority, mappings: written })
    const now = clock.now()
    outlooks.set(system, outlookOf(workOf({ writes: written, reads }, load, known, now), now))
  }
  return outlooks
}

function workOf(
  { writes, reads }: Pick<SystemWork, 'writes' | 'reads'>,
  { system, gate, override, queue, reports }: SystemLoad,
  { limits: configured, timeout, latency, together: perCall }: SystemFacts,
  now: EpochMs,
): SystemWork {
  const reported = together(reports, now)
  const limits = inForce(configured, override)
  return {
    ...{ system, reads, writes, together: perCall, gate, paused: override.paused },
    before: mappingsBefore(queue),
    limits: { ...limits, concurrency: Math.max(1, concurrencyInForce(limits, reported)) },
    learned: learnedRate(reported),
    call: callLength(reported, latency, timeout),
  }
}

function callLength(
  { callLength }: Reported,
  latency: DurationMs | null,
  timeout: DurationMs,
): CallLength {
  if (callLength !== null) return { duration: callLength, known: 'measured' }
  if (latency !== null) return { duration: latency, known: 'configured' }
  return { duration: timeout, known: 'timeout' }
}

/** Calls a second, by what its refusals have taught and by what its answers say. */
function learnedRate({ learnedRate, learned }: Reported): number | null {
  const { limit = null, window = null } = learned ?? {}
  const told = limit === null || window === null ? [] : [(limit * 1000) / window]
  const rates = [...told, ...(learnedRate === null ? [] : [learnedRate])].filter((rate) => rate > 0)
  return rates.length === 0 ? null : Math.min(...rates)
}
