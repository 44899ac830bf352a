import { hash } from 'node:crypto'
import { batchSize } from '../core/batch.ts'
import type { Mapping } from '../core/mapping.ts'
import { NO_TERMS, type Request } from '../core/request.ts'
import { PROBLEMS_MAX } from '../lib/json/inspect.ts'
import type { IntakeStore, QueryStore, RequestOutline } from '../store/store.ts'
import { type Accepted, acceptanceOf, type IntakePorts, type KeyRefusal, keep } from './accept.ts'
import { Batcher } from './batches.ts'
import { Pieces } from './pieces.ts'
import { type Problem, type Refusal, refuse } from './problem.ts'
import { RetriedMappings, type RetryFilter } from './retried.ts'
import { Sources } from './sources.ts'
import type { SystemCatalogue } from './systems.ts'
import { UnknownSystems } from './unknown-systems.ts'

export interface RetryPorts extends IntakePorts {
  readonly store: IntakeStore & QueryStore
}

export type Retrial =
  /** This is the new one. */
  | Accepted
  | Refusal
  | KeyRefusal
  /** It is still being carried out. */
  | { readonly kind: 'unfinished' }
  /** Nothing of it failed so, or was cancelled. */
  | { readonly kind: 'nothing' }
  /** It was deleted meanwhile: what was read is not all there was. */
  | { readonly kind: 'unknown' }

/**
 * Makes a new request of what failed, or was cancelled, in a finished one. It is there, whole and
 * durably, once this resolves with a receipt, and else not at all. Priority, metadata and callback are
 * those of the first; its times are over, and are not.
 */
export async function retry(
  first: Request,
  filter: RetryFilter,
  key: string | null,
  ports: RetryPorts,
): Promise<Retrial> {
  if (first.finishedAt === null) return { kind: 'unfinished' }
  const mappings = new RetriedMappings(ports.store, first, filter)
  const { code, target } = filter
  const wanted = JSON.stringify(['retry', first.id, code, target])
  const fingerprint = key === null ? null : hash('sha256', wanted)
  const outline = outlineOf(first, ports)
  const pieces = new Pieces(outline, key, ports)
  return keep(pieces, async () => {
    const put = await putAll(mappings, pieces, ports)
    const isThere =
      pieces.keepsNothing || (await ports.store.request(first.tenant, first.id)) !== null
    if (!isThere) return { kind: 'unknown' }
    if ('kind' in put) return put
    const inserted = await pieces.finish({ sources: put.sources, fingerprint })
    return acceptanceOf(inserted, outline.id, { total: put.total, batches: pieces.count })
  })
}

function outlineOf(first: Request, { clock, newId }: RetryPorts): RequestOutline {
  const { tenant, priority, metadata, id: retryOf } = first
  const { callbackUrl } = first.terms
  const createdAt = clock.now()
  const terms = { ...NO_TERMS, callbackUrl, retryOf }
  return { id: newId(createdAt), tenant, priority, metadata, terms, createdAt }
}

/** What all of them come to. */
interface Put {
  readonly total: number
  readonly sources: Readonly<Record<string, number>>
}

/** Puts the mappings, chunk by chunk, unless the key that they come with says that they need not be. */
async function putAll(
  mappings: RetriedMappings,
  pieces: Pieces,
  { systems, limits }: RetryPorts,
): Promise<Put | Exclude<Retrial, Accepted>> {
  const size = batchSize(mappings.max, limits.batchSize)
  const batcher = new Batcher(
    () => size,
    (batch) => pieces.put(batch),
  )
  const sources = new Sources(systems)
  let total = 0
  for (let isLast = false; !isLast && !pieces.keepsNothing; ) {
    const chunk = await mappings.next()
    isLast = chunk.isLast
    const refusal = refusalOf(chunk.mappings, systems)
    if (refusal !== null) return refusal
    for (const mapping of chunk.mappings) {
      batcher.add({ ordinal: total, mapping }, null, 0)
      sources.add(mapping)
      total += 1
      if (pieces.isFull) await pieces.send()
    }
    batcher.flush()
  }
  return total === 0 ? { kind: 'nothing' } : { total, sources: sources.counts }
}

/** The systems file may have changed since: what it no longer names cannot be called. */
function refusalOf(mappings: readonly Mapping[], systems: SystemCatalogue): Refusal | null {
  if (systems.mode === 'demo') return null
  const unknown = new Set<string>()
  for (const { source, target, data } of mappings) {
    if (!systems.has(target)) unknown.add(target)
    if (data === undefined && !systems.has(source)) unknown.add(source)
  }
  if (unknown.size === 0) return null
  const unknownSystems = new UnknownSystems(systems)
  const problems = [...unknown].slice(0, PROBLEMS_MAX).map((name): Problem => {
    const detail = `It needs the system "${name}". ${unknownSystems.detailOf(name)}`
    return { pointer: '#', code: 'unknown_system', detail }
  })
  return refuse(problems)
}
