import { batchSize } from '../core/batch.ts'
import type { Priority } from '../core/mapping.ts'
import type { EpochMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import { membersOf } from './batches.ts'
import { Draft, type Drafted } from './draft.ts'
import type { Options } from './options.ts'
import type { Parsed } from './parse.ts'
import type { Refusal } from './problem.ts'
import { fingerprintOf, type ReadPorts, read, type Submission } from './read.ts'
import type { SystemCatalogue } from './systems.ts'

/**
 * What would be stored of a request, in so far as it tells what would come of it. It is small, however
 * large the request, and can be handed to another thread.
 */
export interface Plan extends Drafted {
  readonly total: number
  /** How many of these are not good, and would fail. */
  readonly skipped: number
  readonly priority: Priority
  readonly metadata: Readonly<Record<string, string>>
  /** Nothing of it starts before; null where nothing was said. */
  readonly notBefore: EpochMs | null
  /** How many mappings a batch holds at most. */
  readonly batchSize: number
}

/** A request that is good, and what would be stored of it. */
export interface Planned {
  readonly kind: 'planned'
  readonly plan: Plan
  /** By what it is known if it comes again; null where its caller gave no key. */
  readonly fingerprint: string | null
}

/** Does all that `accept` does with a submission, but keeps nothing of it. */
export async function planWhole(
  submission: Submission,
  ports: ReadPorts & { readonly clock: Clock },
): Promise<Planned | Refusal> {
  const parsed = await read(submission, ports, ports.clock.now())
  if (parsed.kind === 'refused') return parsed
  const plan = planOf(parsed, ports.limits.batchSize, ports.systems)
  return { kind: 'planned', plan, fingerprint: fingerprintOf(submission) }
}

/**
 * What would be stored of a request that was read.
 *
 * @param fixedSize of its batches, where it does not say itself; null: by its size
 */
export function planOf(parsed: Parsed, fixedSize: number | null, systems: SystemCatalogue): Plan {
  const { mappings, rejected, terms, batch_size } = parsed
  const skipped = rejected.length
  const total = mappings.length + skipped
  const size = batchSize(total, batch_size ?? fixedSize)
  const draft = new Draft(() => size, systems)
  for (const member of membersOf(mappings, rejected)) draft.take(member, 0)
  return {
    ...{ total, skipped, batchSize: size },
    ...plannedOptions(parsed, terms.notBefore),
    ...draft.finish(),
  }
}

/** What a plan has of a request's options. */
export function plannedOptions(
  { priority = 'MEDIUM', metadata = {} }: Pick<Options, 'priority' | 'metadata'>,
  notBefore: EpochMs | null,
): Pick<Plan, 'priority' | 'metadata' | 'notBefore'> {
  return { priority, metadata, notBefore }
}
