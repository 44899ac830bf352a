import { batchSize } from '../core/batch.ts'
import type { Member } from './batches.ts'
import { Draft, type Drafted } from './draft.ts'
import { IdHashes } from './id-hashes.ts'
import { type Planned, plannedOptions } from './plan.ts'
import type { Refusal } from './problem.ts'
import type { IntakeLimits } from './read.ts'
import {
  type Destination,
  Reception,
  type ReceptionPorts,
  type StreamLimits,
  type StreamSubmission,
} from './reception.ts'
import type { Rejected } from './rejects.ts'

interface PlanningPorts extends ReceptionPorts {
  readonly limits: IntakeLimits & StreamLimits
}

/**
 * Does all that `receive` does with a stream, to the same limits, but keeps nothing of it anywhere.
 *
 * @param body its bytes, decoded; where it throws, this throws the same
 */
export async function planStream(
  submission: StreamSubmission,
  body: AsyncIterable<Uint8Array>,
  ports: PlanningPorts,
): Promise<Planned | Refusal> {
  const { options, terms } = submission
  const fixedSize = options.batch_size ?? ports.limits.batchSize
  const drafting = new Drafting(fixedSize, ports)
  const reception = new Reception<never>(submission, drafting, ports)
  const received = await reception.run(body)
  if (received.kind !== 'received') return received
  const { total, taken, fingerprint } = received
  const plan = {
    ...{ total, skipped: total - taken, batchSize: batchSize(total, fixedSize) },
    ...plannedOptions(options, terms.notBefore),
    ...drafting.finish(),
  }
  return { kind: 'planned', plan, fingerprint }
}

/** Drafts a plan of the mappings of a stream. */
class Drafting implements Destination<never> {
  readonly #draft: Draft
  readonly #idHashes: IdHashes
  /** How many have come so far. */
  #total = 0

  constructor(fixedSize: number | null, { systems, hashKey }: ReceptionPorts) {
    this.#draft = new Draft(() => batchSize(this.#total, fixedSize), systems)
    this.#idHashes = new IdHashes(hashKey())
  }

  take(member: Member, weight: number): void {
    this.#total = member.ordinal + 1
    this.#idHashes.add(member.ordinal, member.mapping.id)
    this.#draft.take(member, weight)
  }

  reject({ ordinal }: Rejected): void {
    this.#total = ordinal + 1
  }

  async holds(ordinal: number, id: string): Promise<boolean> {
    return this.#idHashes.holds(ordinal, id)
  }

  async makeRoom(): Promise<null> {
    return null
  }

  finish(): Drafted {
    return this.#draft.finish()
  }
}
