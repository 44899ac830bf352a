import { hash } from 'node:crypto'
import { batchSize } from '../core/batch.ts'
import type { Priority } from '../core/mapping.ts'
import { NO_TERMS } from '../core/request.ts'
import type { EpochMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import type { IntakeStore, NewRequest } from '../store/store.ts'
import { batchesOf } from './batches.ts'
import type { CallbackPolicy } from './callback.ts'
import { parse } from './parse.ts'
import type { Refusal } from './problem.ts'
import { sourcesOf } from './sources.ts'
import type { SystemCatalogue } from './systems.ts'

export interface IntakePorts {
  readonly store: IntakeStore
  readonly systems: SystemCatalogue
  readonly callbacks: CallbackPolicy
  readonly clock: Clock
  readonly newId: (now: EpochMs) => string
  readonly limits: IntakeLimits
}

export interface IntakeLimits {
  /** How many mappings one request may hold. */
  readonly maxMappings: number
  /** For requests that do not say; null: by their size. */
  readonly batchSize: number | null
}

export interface Submission {
  readonly tenant: string
  readonly body: Uint8Array
  /** Null where the caller gave none. */
  readonly idempotencyKey: string | null
}

/** What a caller is told who handed in a request that was taken. */
export interface Receipt {
  readonly kind: 'accepted'
  readonly request: string
  readonly total: number
  /** The key was used before: this is the first answer once more, and nothing was stored. */
  readonly replayed: boolean
  readonly priority: Priority
  readonly batches: number
}

export type Acceptance =
  | Receipt
  | Refusal
  /** The idempotency key belongs to another body. */
  | { readonly kind: 'conflict' }
  /** A request with this idempotency key is still being received. */
  | { readonly kind: 'receiving' }

/** Takes a request: all of it, durably, once this resolves with a receipt, and else nothing. */
export async function accept(submission: Submission, ports: IntakePorts): Promise<Acceptance> {
  const { tenant, body } = submission
  const { store, systems, callbacks, limits } = ports
  const parsed = parse(body, { systems, callbacks, mappingsMax: limits.maxMappings })
  if (parsed.kind === 'refused') return parsed

  const { mappings, priority = 'MEDIUM', metadata = {}, callbackUrl } = parsed
  const total = mappings.length
  const batches = batchesOf(mappings, batchSize(total, parsed.batch_size ?? limits.batchSize))
  const now = ports.clock.now()
  const id = ports.newId(now)
  const inserted = await store.insert({
    id,
    tenant,
    priority,
    metadata,
    terms: { ...NO_TERMS, callbackUrl },
    createdAt: now,
    total,
    sources: sourcesOf(mappings, systems),
    batches,
    idempotency: idempotencyOf(submission),
  })

  const receipt = { kind: 'accepted', total, priority, batches: batches.length } as const
  switch (inserted.kind) {
    case 'inserted':
      return { ...receipt, request: id, replayed: false }
    case 'replayed':
      return { ...receipt, request: inserted.request.id, replayed: true }
    case 'conflict':
    case 'receiving':
      return inserted
  }
}

/** By what a submission that comes again is known; null where its caller gave no key. */
export function idempotencyOf({
  body,
  idempotencyKey: key,
}: Submission): NewRequest['idempotency'] {
  return key === null ? null : { key, fingerprint: hash('sha256', body, 'hex') }
}
