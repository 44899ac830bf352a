import { batchSize } from '../core/batch.ts'
import type { EpochMs } from '../core/units.ts'
import { type Acceptance, acceptanceOf, type IntakePorts, keep } from './accept.ts'
import { Batcher, type Member } from './batches.ts'
import { Pieces } from './pieces.ts'
import {
  type Destination,
  Reception,
  type ReceptionPorts,
  type StreamLimits,
  type StreamSubmission,
} from './reception.ts'
import { type Rejected, Rejects } from './rejects.ts'
import { Sources } from './sources.ts'
import type { SystemCatalogue } from './systems.ts'

export interface StreamPorts extends IntakePorts, Pick<ReceptionPorts, 'hashKey'> {
  readonly limits: IntakePorts['limits'] & StreamLimits
}

/**
 * Takes a request from a stream, in memory that does not grow with it: all of it, durably, once this
 * resolves with a receipt, and else nothing.
 *
 * @param body its bytes, decoded; where it throws, nothing is kept, and this throws the same
 */
export async function receive(
  submission: StreamSubmission,
  body: AsyncIterable<Uint8Array>,
  ports: StreamPorts,
): Promise<Acceptance> {
  const { tenant, idempotencyKey, options, terms } = submission
  const { priority = 'MEDIUM', metadata = {}, batch_size } = options
  const now = ports.clock.now()
  const id = ports.newId(now)
  const outline = { id, tenant, priority, metadata, terms, createdAt: now }
  const pieces = new Pieces(outline, idempotencyKey, ports)
  const fixedSize = batch_size ?? ports.limits.batchSize
  const staging = new Staging(pieces, { now, fixedSize, systems: ports.systems })
  const reception = new Reception(submission, staging, ports)
  return keep(pieces, async () => {
    const received = await reception.run(body)
    if (received.kind !== 'received') return received
    const { total, taken, fingerprint } = received
    const inserted = await pieces.finish({ sources: staging.finish(), fingerprint })
    const receipt = { total, skipped: total - taken, priority, batches: pieces.count }
    return acceptanceOf(inserted, id, receipt)
  })
}

interface StagingOptions {
  readonly now: EpochMs
  /** Of batches; null: by how many mappings there are. */
  readonly fixedSize: number | null
  readonly systems: SystemCatalogue
}

/** Has the mappings of a stream staged in the store. */
class Staging implements Destination<{ readonly kind: 'receiving' }> {
  readonly #pieces: Pieces
  readonly #batcher: Batcher
  readonly #rejects: Rejects
  readonly #sources: Sources
  /** How many have come so far. */
  #total = 0

  constructor(pieces: Pieces, { now, fixedSize, systems }: StagingOptions) {
    this.#pieces = pieces
    // A stream does not say how long it is: its batches grow as it goes on.
    this.#batcher = new Batcher(
      () => batchSize(this.#total, fixedSize),
      (batch) => pieces.put(batch),
    )
    this.#rejects = new Rejects(now, (batch) => pieces.putRejected(batch))
    this.#sources = new Sources(systems)
  }

  take(member: Member, weight: number): void {
    this.#total = member.ordinal + 1
    if (this.#pieces.keepsNothing) return
    this.#sources.add(member.mapping)
    this.#batcher.add(member, null, weight)
  }

  reject(rejected: Rejected, weight: number): void {
    this.#total = rejected.ordinal + 1
    if (this.#pieces.keepsNothing) return
    this.#rejects.add(rejected, weight)
  }

  async holds(ordinal: number, id: string): Promise<boolean> {
    return id === (this.#batcher.idAt(ordinal) ?? (await this.#pieces.idAt(ordinal)))
  }

  async makeRoom(): Promise<{ readonly kind: 'receiving' } | null> {
    if (this.#pieces.isFull) await this.#pieces.send()
    return this.#pieces.opened?.kind === 'receiving' ? { kind: 'receiving' } : null
  }

  /** Puts what is left; gives how many records are to be read from each system. */
  finish(): Readonly<Record<string, number>> {
    this.#batcher.flush()
    this.#rejects.flush()
    return this.#sources.counts
  }
}
