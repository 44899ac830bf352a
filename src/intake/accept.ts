import { batchSize } from '../core/batch.ts'
import type { Priority } from '../core/mapping.ts'
import type { EpochMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import type { Inserted, IntakeStore } from '../store/store.ts'
import { batchesOf } from './batches.ts'
import { Pieces } from './pieces.ts'
import type { Refusal } from './problem.ts'
import { fingerprintOf, type ReadPorts, read, type Submission } from './read.ts'
import { Rejects } from './rejects.ts'
import { sourcesOf } from './sources.ts'

export interface IntakePorts extends ReadPorts {
  readonly store: IntakeStore & ReadPorts['store']
  readonly clock: Clock
  readonly newId: (now: EpochMs) => string
}

/** What a caller is told of a request that was taken. */
export interface Accepted {
  readonly kind: 'accepted'
  readonly request: string
  readonly total: number
  /** The key was used before: this is the first answer once more, and nothing was stored. */
  readonly replayed: boolean
  readonly batches: number
}

/** What whoever handed it in is told besides. */
export interface Receipt extends Accepted {
  /** How many of these were not good, and have failed. */
  readonly skipped: number
  readonly priority: Priority
}

/** The idempotency key belongs to another request, or to one that is still being received. */
export type KeyRefusal = Extract<Inserted, { kind: 'conflict' | 'receiving' }>

export type Acceptance =
  | Receipt
  | Refusal
  | KeyRefusal
  /** There are more bytes than are taken. */
  | { readonly kind: 'too-large' }

/** Takes a request: all of it, durably, once this resolves with a receipt, and else nothing. */
export async function accept(submission: Submission, ports: IntakePorts): Promise<Acceptance> {
  const { tenant, idempotencyKey } = submission
  const { systems, limits } = ports
  const now = ports.clock.now()
  const parsed = await read(submission, ports, now)
  if (parsed.kind === 'refused') return parsed

  const { mappings, rejected, priority = 'MEDIUM', metadata = {}, terms } = parsed
  const total = mappings.length + rejected.length
  const size = batchSize(total, parsed.batch_size ?? limits.batchSize)
  const outline = { id: ports.newId(now), tenant, priority, metadata, terms, createdAt: now }
  const pieces = new Pieces(outline, idempotencyKey, ports)
  return keep(pieces, async () => {
    for (const batch of batchesOf(mappings, size, rejected)) {
      pieces.put(batch)
      if (pieces.isFull) await pieces.send()
    }
    const batches = pieces.count
    const rejects = new Rejects(now, (batch) => pieces.putRejected(batch))
    for (const each of rejected) {
      rejects.add(each, 0)
      if (pieces.isFull) await pieces.send()
    }
    rejects.flush()
    const fingerprint = fingerprintOf(submission)
    const sources = sourcesOf(mappings, systems)
    const inserted = await pieces.finish({ sources, fingerprint })
    const receipt = { total, skipped: rejected.length, priority, batches }
    return acceptanceOf(inserted, outline.id, receipt)
  })
}

/** Does something with the pieces of a request, and leaves nothing of it if it is not accepted in the end. */
export async function keep<Ending extends { readonly kind: string }>(
  pieces: Pieces,
  work: () => Promise<Ending>,
): Promise<Ending> {
  let isAccepted = false
  try {
    const ending = await work()
    isAccepted = ending.kind === 'accepted'
    return ending
  } finally {
    // If the store cannot be told, it finds out when no piece comes any more.
    if (!isAccepted) await pieces.abandon().catch(() => {})
  }
}

/** What the store's answer comes to for the caller; `facts` are the rest of a receipt. */
export function acceptanceOf<Facts extends Pick<Accepted, 'total' | 'batches'>>(
  inserted: Inserted,
  id: string,
  facts: Facts,
): (Facts & Accepted) | KeyRefusal {
  switch (inserted.kind) {
    case 'inserted':
      return { ...facts, kind: 'accepted', request: id, replayed: false }
    case 'replayed': {
      const { id: request, total } = inserted.request
      return { ...facts, kind: 'accepted', request, total, replayed: true }
    }
    case 'conflict':
    case 'receiving':
      return inserted
  }
}
