import { createHash, type Hash } from 'node:crypto'
import { batchSize } from '../core/batch.ts'
import type { Mapping } from '../core/mapping.ts'
import type { Terms } from '../core/request.ts'
import type { EpochMs } from '../core/units.ts'
import { type JsonPath, pointerTo } from '../lib/json/pointer.ts'
import { type Acceptance, acceptanceOf, type IntakePorts, keep } from './accept.ts'
import { Batcher } from './batches.ts'
import { asMapping, faultsOfShape, MappingChecks } from './checks.ts'
import { CsvReader } from './csv.ts'
import { faultOfEarlier } from './earlier.ts'
import type { Fault } from './explain.ts'
import { Ids } from './ids.ts'
import { NdjsonReader } from './ndjson.ts'
import type { Options } from './options.ts'
import { duplicateOf, type OnInvalid, targetOf } from './parse.ts'
import { Pieces } from './pieces.ts'
import { type ProblemCode, Problems, type Refusal, refuse, tooManyMappings } from './problem.ts'
import { type Found, type Reader, Unreadable } from './reader.ts'
import { Rejects, rejectedOf } from './rejects.ts'

/** A body whose mappings are read one after another, as they come. */
export interface StreamSubmission {
  readonly tenant: string
  readonly format: 'ndjson' | 'csv'
  readonly idempotencyKey: string | null
  readonly onInvalid: OnInvalid
  readonly options: Options
  /** What the times among them come to. */
  readonly terms: Terms
}

export interface StreamPorts extends IntakePorts {
  readonly limits: IntakePorts['limits'] & StreamLimits
  /** The key of the hash by which ids are told apart; it must be random. */
  readonly hashKey: () => readonly [number, number]
}

export interface StreamLimits {
  /** Bytes of one stream, as they are when they have been decoded. */
  readonly maxStream: number
  /** How many mappings one may hold. */
  readonly maxStreamMappings: number
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
  const reception = new Reception(submission, ports)
  return keep(reception.pieces, () => reception.run(body))
}

/** Something found, and what is known of it. */
interface Checked {
  readonly ordinal: number
  readonly found: Found
  /** Null where it has not the shape of one. */
  readonly mapping: Mapping | null
  readonly faults: readonly Fault[]
  /** The ordinal of an earlier mapping whose id has the same hash. */
  readonly twin: number | null
}

/** One stream on its way into the store. */
class Reception {
  readonly pieces: Pieces
  readonly #submission: StreamSubmission
  readonly #ports: StreamPorts
  readonly #now: EpochMs
  readonly #id: string
  readonly #reader: Reader
  readonly #checks: MappingChecks
  readonly #ids: Ids
  /** Ids whose hash another id had before them. */
  readonly #strays = new Map<string, number>()
  readonly #problems = new Problems()
  readonly #batcher: Batcher
  readonly #rejects: Rejects
  readonly #sources = new Map<string, number>()
  readonly #hash: Hash | null
  /** From the first one on whose id may have been there before; nobody knows yet. */
  #doubtful: Checked[] = []
  #total = 0
  #taken = 0

  constructor(submission: StreamSubmission, ports: StreamPorts) {
    const { tenant, format, idempotencyKey, options, terms } = submission
    this.#submission = submission
    this.#ports = ports
    this.#now = ports.clock.now()
    this.#id = ports.newId(this.#now)
    const { priority = 'MEDIUM', metadata = {}, batch_size } = options
    const outline = { id: this.#id, tenant, priority, metadata, terms, createdAt: this.#now }
    this.pieces = new Pieces(outline, idempotencyKey, ports)
    const tell = (found: Found) => this.#take(found)
    this.#reader = format === 'csv' ? new CsvReader(tell) : new NdjsonReader(tell)
    this.#checks = new MappingChecks(ports.systems)
    this.#ids = new Ids(ports.hashKey())
    this.#hash = idempotencyKey === null ? null : createHash('sha256')
    const fixed = batch_size ?? ports.limits.batchSize
    // A stream does not say how long it is: its batches grow as it goes on.
    this.#batcher = new Batcher(
      () => batchSize(this.#total, fixed),
      (batch) => this.pieces.put(batch),
    )
    this.#rejects = new Rejects(this.#now, (batch) => this.pieces.putRejected(batch))
  }

  async run(body: AsyncIterable<Uint8Array>): Promise<Acceptance> {
    const { terms, tenant } = this.#submission
    const fault = await faultOfEarlier(terms, tenant, this.#ports.store)
    if (fault !== null) return refusal(fault.code, ['query', ...fault.path], fault.detail)
    for await (const chunk of body) {
      this.#hash?.update(chunk)
      const ending = await this.#read(() => this.#reader.read(chunk))
      if (ending !== null) return ending
    }
    return (await this.#read(() => this.#reader.end())) ?? this.#finish()
  }

  /** Reads on; gives how it ends, where it need not be read to the end. */
  async #read(step: () => void | Promise<void>): Promise<Acceptance | null> {
    try {
      await step()
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      const { code, path, detail } = error.fault
      this.#problems.add(code, path, detail, error.line)
      return this.#problems.refusal(null)
    }
    await this.#decideDoubts()
    if (this.#total > this.#ports.limits.maxStreamMappings) return this.#tooMany()
    if (this.#isRefused && this.#problems.isFull) return this.#problems.refusal(null)
    if (this.pieces.isFull) await this.pieces.send()
    return this.pieces.opened?.kind === 'receiving' ? { kind: 'receiving' } : null
  }

  #take(found: Found): void {
    const ordinal = this.#total
    this.#total += 1
    const mapping = found.faults.length === 0 ? asMapping(withoutError(found.candidate)) : null
    const faults = this.#faultsOf(found, mapping)
    const isGood = mapping !== null && faults.length === 0
    const twin = isGood ? this.#ids.add(mapping.id, ordinal) : null
    const checked = { ordinal, found, mapping, faults, twin }
    if (twin === null && this.#doubtful.length === 0) this.#sort(checked)
    else this.#doubtful.push(checked)
  }

  #faultsOf({ candidate, faults, mayCompute }: Found, mapping: Mapping | null): readonly Fault[] {
    if (faults.length > 0) return faults
    return mapping === null ? faultsOfShape(candidate) : this.#checks.faultsOf(mapping, mayCompute)
  }

  async #decideDoubts(): Promise<void> {
    if (this.#doubtful.length === 0) return
    const doubtful = this.#doubtful
    this.#doubtful = []
    for (const checked of doubtful) {
      const { mapping, twin, ordinal } = checked
      const first =
        mapping === null || twin === null ? null : await this.#firstOf(mapping.id, ordinal, twin)
      this.#sort(first === null ? checked : { ...checked, faults: [duplicateOf(first)] })
    }
  }

  /** The ordinal of the earlier mapping that has this id; null where none has, though the hash is the same. */
  async #firstOf(id: string, ordinal: number, twin: number): Promise<number | null> {
    const known = this.#batcher.idAt(twin) ?? (await this.pieces.idAt(twin))
    if (known === id) return twin
    const stray = this.#strays.get(id)
    if (stray === undefined) this.#strays.set(id, ordinal)
    return stray ?? null
  }

  /** Puts a mapping where it belongs. */
  #sort({ ordinal, found, mapping, faults }: Checked): void {
    if (mapping === null || faults.length > 0) {
      this.#reject(ordinal, found, faults)
      return
    }
    this.#taken += 1
    if (this.#isKnown) return
    const { source, data } = mapping
    if (data === undefined && this.#ports.systems.reads(source)) {
      this.#sources.set(source, (this.#sources.get(source) ?? 0) + 1)
    }
    this.#batcher.add({ ordinal, mapping }, null, found.weight)
  }

  #reject(ordinal: number, { candidate, line, weight }: Found, faults: readonly Fault[]): void {
    for (const { code, path, detail } of faults) {
      this.#problems.add(code, ['mappings', ordinal, ...path], detail, line)
    }
    if (this.#submission.onInvalid === 'refuse' || this.#isKnown) return
    const lane = this.#checks.laneOf(targetOf(candidate))
    const placeholder = `line-${line}`
    this.#rejects.add(rejectedOf(candidate, faults, { ordinal, lane, placeholder }), weight)
  }

  /** One bad mapping was enough. The rest is staged all the same: ids are compared with what was. */
  get #isRefused(): boolean {
    return this.#submission.onInvalid === 'refuse' && !this.#problems.isEmpty
  }

  /** The key was used before: nothing is kept, and the fingerprint decides. */
  get #isKnown(): boolean {
    return this.pieces.opened?.kind === 'known'
  }

  #tooMany(): Acceptance {
    const { maxStreamMappings } = this.#ports.limits
    return refusal('too_many_mappings', ['mappings'], tooManyMappings(maxStreamMappings))
  }

  async #finish(): Promise<Acceptance> {
    if (this.#total === 0) this.#problems.add('invalid_value', ['mappings'], NO_MAPPING)
    if (this.#isRefused || this.#taken === 0) return this.#problems.refusal(null)
    this.#batcher.flush()
    this.#rejects.flush()
    const sources = Object.fromEntries(this.#sources)
    const inserted = await this.pieces.finish({ sources, fingerprint: this.#fingerprint() })
    const { priority = 'MEDIUM' } = this.#submission.options
    const total = this.#total
    const receipt = { total, skipped: total - this.#taken, priority, batches: this.pieces.count }
    return acceptanceOf(inserted, this.#id, receipt)
  }

  /** By what a body that comes again is known, together with what its caller wants of it. */
  #fingerprint(): string | null {
    const { format, onInvalid, options } = this.#submission
    const wanted = { format, onInvalid, options }
    return this.#hash?.update(`\0${JSON.stringify(wanted)}`).digest('hex') ?? null
  }
}

/** What has failed is written out with why, to be mended and handed in again. */
function withoutError(candidate: unknown): unknown {
  if (typeof candidate !== 'object' || candidate === null || !('error' in candidate)) {
    return candidate
  }
  const { error: _, ...rest } = candidate
  return rest
}

/** Nothing is wrong but this. */
function refusal(code: ProblemCode, path: JsonPath, detail: string): Refusal {
  return refuse([{ pointer: pointerTo(path), code, detail }])
}

const NO_MAPPING = 'This must hold at least 1.'
