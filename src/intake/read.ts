import { hash } from 'node:crypto'
import type { EpochMs } from '../core/units.ts'
import type { QueryStore } from '../store/store.ts'
import type { CallbackPolicy } from './callback.ts'
import { faultOfEarlier } from './earlier.ts'
import { type OnInvalid, type Parsed, parse } from './parse.ts'
import { Problems, type Refusal } from './problem.ts'
import type { SystemCatalogue } from './systems.ts'

/** What it takes to read a submission. */
export interface ReadPorts {
  readonly store: Pick<QueryStore, 'request' | 'keyed'>
  readonly systems: SystemCatalogue
  readonly callbacks: CallbackPolicy
  readonly limits: IntakeLimits
}

export interface IntakeLimits {
  /** How many mappings one request may hold. */
  readonly maxMappings: number
  /** For requests that do not say; null: by their size. */
  readonly batchSize: number | null
}

/** A request whose body is there whole, in JSON. */
export interface Submission {
  readonly tenant: string
  readonly body: Uint8Array
  /** Null where the caller gave none. */
  readonly idempotencyKey: string | null
  readonly onInvalid: OnInvalid
}

/** Reads a submission, handed in at `now`, and checks all of it. */
export async function read(
  submission: Submission,
  { store, systems, callbacks, limits }: ReadPorts,
  now: EpochMs,
): Promise<Parsed | Refusal> {
  const { body, onInvalid } = submission
  const mappingsMax = limits.maxMappings
  const parsed = await parse(body, { systems, callbacks, now, onInvalid, mappingsMax })
  if (parsed.kind === 'refused') return parsed
  const fault = await faultOfEarlier(parsed.terms, submission, store)
  if (fault === null) return parsed
  const problems = new Problems()
  problems.add(fault.code, fault.path, fault.detail)
  return problems.refusal(new TextDecoder().decode(body))
}

/**
 * By what a submission that comes again is known, together with what its caller wants of it; null where
 * its caller gave no key.
 */
export function fingerprintOf({ body, idempotencyKey, onInvalid }: Submission): string | null {
  if (idempotencyKey === null) return null
  const digest = hash('sha256', body, 'hex')
  return onInvalid === 'refuse' ? digest : `${digest} ${onInvalid}`
}
