import { createHash, type Hash } from 'node:crypto'
import type { Mapping } from '../core/mapping.ts'
import type { Terms } from '../core/request.ts'
import { type JsonPath, pointerTo } from '../lib/json/pointer.ts'
import type { Member } from './batches.ts'
import { asMapping, faultsOfShape, MappingChecks } from './checks.ts'
import { CsvReader } from './csv.ts'
import { faultOfEarlier } from './earlier.ts'
import type { Fault } from './explain.ts'
import { Ids } from './ids.ts'
import { NdjsonReader } from './ndjson.ts'
import type { Options } from './options.ts'
import { duplicateOf, type OnInvalid, targetOf } from './parse.ts'
import { type ProblemCode, Problems, type Refusal, refuse, tooManyMappings } from './problem.ts'
import type { ReadPorts } from './read.ts'
import { type Found, type Reader, Unreadable } from './reader.ts'
import { type Rejected, rejectedOf } from './rejects.ts'

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

export interface ReceptionPorts extends Pick<ReadPorts, 'store' | 'systems'> {
  readonly limits: StreamLimits
  /** The key of a hash by which ids are told apart; it must be random. */
  readonly hashKey: () => readonly [number, number]
}

export interface StreamLimits {
  /** Bytes of one stream, as they are when they have been decoded. */
  readonly maxStream: number
  /** How many mappings one may hold. */
  readonly maxStreamMappings: number
}

/** Where the mappings of a stream go once they are checked, in order. */
export interface Destination<Ending> {
  /** @param weight about how much text it is */
  take(member: Member, weight: number): void
  /** One that is not good, where those are skipped. */
  reject(rejected: Rejected, weight: number): void
  /** Whether the mapping that was taken with this ordinal has this id. */
  holds(ordinal: number, id: string): Promise<boolean>
  /** Makes room for more. Gives how all of it ends, where no more need come. */
  makeRoom(): Promise<Ending | null>
}

/** A stream that was read to its end, and is good. */
export interface Received {
  readonly kind: 'received'
  readonly total: number
  /** How many of these were taken, at least one; the others were rejected. */
  readonly taken: number
  /** By what it is known if it comes again; null where its caller gave no key. */
  readonly fingerprint: string | null
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

/** Reads a stream and checks it, whole, in memory that does not grow with it but for a few bytes for each id. */
export class Reception<Ending> {
  readonly #submission: StreamSubmission
  readonly #destination: Destination<Ending>
  readonly #ports: ReceptionPorts
  readonly #reader: Reader
  readonly #checks: MappingChecks
  readonly #ids: Ids
  /** Ids whose hash another id had before them. */
  readonly #strays = new Map<string, number>()
  readonly #problems = new Problems()
  readonly #hash: Hash | null
  /** From the first one on whose id may have been there before; nobody knows yet. */
  #doubtful: Checked[] = []
  #total = 0
  #taken = 0

  constructor(
    submission: StreamSubmission,
    destination: Destination<Ending>,
    ports: ReceptionPorts,
  ) {
    this.#submission = submission
    this.#destination = destination
    this.#ports = ports
    const tell = (found: Found) => this.#take(found)
    this.#reader = submission.format === 'csv' ? new CsvReader(tell) : new NdjsonReader(tell)
    this.#checks = new MappingChecks(ports.systems)
    this.#ids = new Ids(ports.hashKey())
    this.#hash = submission.idempotencyKey === null ? null : createHash('sha256')
  }

  /**
   * Tells the destination of each mapping, and how it all ends. To be called once.
   *
   * @param body its bytes, decoded; where it throws, this throws the same
   */
  async run(body: AsyncIterable<Uint8Array>): Promise<Received | Refusal | Ending> {
    const submission = this.#submission
    const fault = await faultOfEarlier(submission.terms, submission, this.#ports.store)
    if (fault !== null) return refusal(fault.code, ['query', ...fault.path], fault.detail)
    for await (const chunk of body) {
      this.#hash?.update(chunk)
      const ending = await this.#read(() => this.#reader.read(chunk))
      if (ending !== null) return ending
    }
    return (await this.#read(() => this.#reader.end())) ?? this.#end()
  }

  /** Reads on; gives how it ends, where it need not be read to the end. */
  async #read(step: () => void | Promise<void>): Promise<Refusal | Ending | null> {
    try {
      await step()
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      const { code, path, detail } = error.fault
      this.#problems.add(code, path, detail, error.line)
      return this.#problems.refusal(null)
    }
    await this.#decideDoubts()
    const { maxStreamMappings: max } = this.#ports.limits
    if (this.#total > max) return refusal('too_many_mappings', ['mappings'], tooManyMappings(max))
    if (this.#isRefused && this.#problems.isFull) return this.#problems.refusal(null)
    return this.#destination.makeRoom()
  }

  #take(asFound: Found): void {
    const found = { ...asFound, candidate: withoutError(asFound.candidate) }
    const ordinal = this.#total
    this.#total += 1
    const mapping = found.faults.length === 0 ? asMapping(found.candidate) : null
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
    if (await this.#destination.holds(twin, id)) return twin
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
    this.#destination.take({ ordinal, mapping }, found.weight)
  }

  #reject(ordinal: number, { candidate, line, weight }: Found, faults: readonly Fault[]): void {
    for (const { code, path, detail } of faults) {
      this.#problems.add(code, ['mappings', ordinal, ...path], detail, line)
    }
    if (this.#submission.onInvalid === 'refuse') return
    const lane = this.#checks.laneOf(targetOf(candidate))
    const placeholder = `line-${line}`
    this.#destination.reject(rejectedOf(candidate, faults, { ordinal, lane, placeholder }), weight)
  }

  /** One bad mapping was enough. The rest is taken all the same: ids are compared with what was. */
  get #isRefused(): boolean {
    return this.#submission.onInvalid === 'refuse' && !this.#problems.isEmpty
  }

  #end(): Received | Refusal {
    if (this.#total === 0) this.#problems.add('invalid_value', ['mappings'], NO_MAPPING)
    if (this.#isRefused || this.#taken === 0) return this.#problems.refusal(null)
    const fingerprint = this.#fingerprint()
    return { kind: 'received', total: this.#total, taken: this.#taken, fingerprint }
  }

  /** By what a body that comes again is known, together with what its caller wants of it. */
  #fingerprint(): string | null {
    const { format, onInvalid, options } = this.#submission
    // In whichever order its address has them.
    const wanted = { format, onInvalid, options: Object.entries(options).toSorted() }
    return this.#hash?.update(`\0${JSON.stringify(wanted)}`).digest('hex') ?? null
  }
}

/** Nothing is wrong but this. */
function refusal(code: ProblemCode, path: JsonPath, detail: string): Refusal {
  return refuse([{ pointer: pointerTo(path), code, detail }])
}

/** What has failed is written out with why, to be mended and handed in again. */
function withoutError(candidate: unknown): unknown {
  if (typeof candidate !== 'object' || candidate === null || !('error' in candidate)) {
    return candidate
  }
  const { error: _, ...rest } = candidate
  return rest
}

const NO_MAPPING = 'This must have at least 1 element.'
