/** Makes what the store takes in: requests, batches and settlements, plain unless told otherwise. */
import { addFailure, type FailureRun } from '../../src/core/failures.ts'
import type { Priority } from '../../src/core/mapping.ts'
import { pack } from '../../src/core/packed.ts'
import { NO_TERMS, type Terms } from '../../src/core/request.ts'
import type { EpochMs } from '../../src/core/units.ts'
import type { MappingError, Standing } from '../../src/core/verdict.ts'
import { newId } from '../../src/lib/random.ts'
import type {
  ClaimedBatch,
  NewBatch,
  NewRequest,
  NextState,
  Ordinals,
  Piece,
  RejectedBatch,
  Settlement,
  Whole,
} from '../../src/store/store.ts'

/** The moment that tests take for the present. */
export const NOW: EpochMs = Date.UTC(2026, 0, 1)

export const TENANT = 'default'
export const LANE = 'crm'

export interface RequestOptions {
  readonly id?: string
  readonly tenant?: string
  readonly priority?: Priority
  readonly metadata?: Readonly<Record<string, string>>
  readonly terms?: Partial<Terms>
  readonly createdAt?: EpochMs
  readonly idempotency?: NewRequest['idempotency']
  /** Where all its mappings go. */
  readonly lane?: string
  readonly total?: number
  readonly batchSize?: number
  readonly sources?: NewRequest['sources']
  /** In place of `lane`, `total` and `batchSize`. */
  readonly batches?: readonly NewBatch[]
}

let made = 0

/** A request of one mapping. Each is younger than the one made before it, and none is of the future. */
export function newRequest(options: RequestOptions = {}): NewRequest {
  made += 1
  const createdAt = options.createdAt ?? NOW - 1_000_000 + made
  const batches = options.batches ?? evenBatches(options)
  return {
    id: options.id ?? newId(createdAt),
    tenant: options.tenant ?? TENANT,
    priority: options.priority ?? 'MEDIUM',
    metadata: options.metadata ?? {},
    terms: { ...NO_TERMS, ...options.terms },
    createdAt,
    total: mappingsIn(batches),
    sources: options.sources ?? {},
    batches,
    idempotency: options.idempotency ?? null,
  }
}

/** The pieces that a request comes in, of so many batches each. */
export function piecesOf({ batches }: NewRequest, size = 2): readonly Piece[] {
  const before = new Map<string, number>()
  const staged = batches.map((batch) => {
    const earlier = before.get(batch.lane) ?? 0
    before.set(batch.lane, earlier + batch.ordinals.count)
    return { ...batch, before: earlier }
  })
  return Array.from({ length: Math.ceil(staged.length / size) }, (_, place) => ({
    staged: mappingsIn(staged.slice(0, place * size)),
    batches: staged.slice(place * size, (place + 1) * size),
  }))
}

/** What is said of a request when all its pieces have come, and so many more mappings that were not taken. */
export function wholeOf({ total, sources, batches, idempotency }: NewRequest, rejected = 0): Whole {
  const lanes = Map.groupBy(batches, ({ lane }) => lane)
  const mappings = [...lanes].map(([lane, batches]) => [lane, mappingsIn(batches)] as const)
  const fingerprint = idempotency?.fingerprint ?? null
  return { total: total + rejected, sources, lanes: Object.fromEntries(mappings), fingerprint }
}

function mappingsIn(batches: readonly NewBatch[]): number {
  return batches.reduce((sum, { ordinals }) => sum + ordinals.count, 0)
}

function evenBatches({ lane = LANE, total = 1, batchSize = 5 }: RequestOptions): NewBatch[] {
  const batches: NewBatch[] = []
  for (let first = 0; first < total; first += batchSize) {
    const size = Math.min(batchSize, total - first)
    batches.push(
      newBatch(
        Array.from({ length: size }, (_, place) => first + place),
        { lane },
      ),
    )
  }
  return batches
}

/** A batch that holds these ordinals, rising; they need not be neighbours. */
export function newBatch(
  ordinals: readonly number[],
  { lane = LANE, mappings = mappingsText(ordinals, lane) } = {},
): NewBatch {
  return { lane, ordinals: placesOf(ordinals), mappings }
}

/** A batch of what is not taken. */
export function rejectedBatch(ordinals: readonly number[], { lane = LANE } = {}): RejectedBatch {
  const error: MappingError = {
    ...{ code: 'invalid_mapping', message: 'Bad.', stage: 'read', httpStatus: null },
  }
  const standings = ordinals.map((): Standing => ['failed', 0, NOW, 0, error])
  return {
    ...newBatch(ordinals, { lane }),
    verdicts: JSON.stringify(standings),
    code: error.code,
    sample: `map_${ordinals[0]}`,
    message: error.message,
  }
}

function placesOf(ordinals: readonly number[]): Ordinals {
  const count = ordinals.length
  const first = Math.min(...ordinals)
  const last = Math.max(...ordinals)
  return { first, last, count, list: last - first === count - 1 ? null : ordinals }
}

function mappingsText(ordinals: readonly number[], target: string): string {
  return pack(ordinals.map((ordinal) => ({ id: `map_${ordinal}`, source: 'source', target })))
}

export interface Finals {
  readonly completed?: number
  readonly failed?: number
  readonly cancelled?: number
}

/** Ends a batch: what is neither failed nor cancelled is completed. */
export function done(
  batch: ClaimedBatch,
  { failed = 0, cancelled = 0 }: Omit<Finals, 'completed'> = {},
): Settlement {
  const completed = batch.ordinals.count - failed - cancelled
  return settlement(batch, { completed, failed, cancelled }, { state: 'done' })
}

/** Writes what is final so far, and keeps the rest of the batch open in the state `next`. */
export function unfinished(
  batch: ClaimedBatch,
  next: Exclude<NextState, { state: 'done' }>,
  finals: Finals = {},
): Settlement {
  return settlement(batch, finals, next)
}

function settlement(batch: ClaimedBatch, finals: Finals, next: NextState): Settlement {
  const { completed = 0, failed = 0, cancelled = 0 } = finals
  const open = batch.ordinals.count - completed - failed - cancelled
  const standings: (Standing | null)[] = [
    ...Array.from({ length: completed }, () => COMPLETED),
    ...Array.from({ length: failed }, () => FAILED),
    ...Array.from({ length: cancelled }, () => CANCELLED),
    ...Array.from({ length: open }, () => null),
  ]
  const verdicts = JSON.stringify(standings)
  const failures: FailureRun[] = []
  const id = `map_${batch.ordinals.first}`
  for (let place = 0; place < failed; place += 1) addFailure(failures, id, ERROR)
  const counts = { completed, failed, cancelled }
  const { token, callback } = batch
  return { batch: batch.id, token, verdicts, ...counts, failures, callback, next }
}

export const ERROR: MappingError = {
  code: 'target_rejected',
  message: 'The target does not know this field.',
  stage: 'write',
  httpStatus: 422,
}
const COMPLETED: Standing = ['completed', 1, NOW, 48, { stored: true }]
const FAILED: Standing = ['failed', 1, NOW, 48, ERROR]
const CANCELLED: Standing = ['cancelled', 0, NOW, null]
