import type {
  FailureGroup,
  IngestRequest,
  Mapping,
  RequestState,
  RequestStatus,
  Result,
} from '../../src/client/index.ts'

/** One request of a `FakeSluice`. */
export class FakeRequest {
  readonly id: string
  readonly #request: IngestRequest
  readonly #retryOf: string | null
  readonly #results: readonly Result[]
  #processed = 0
  #isCancelled = false

  constructor(id: string, request: IngestRequest, retryOf: string | null) {
    this.id = id
    this.#request = request
    this.#retryOf = retryOf
    this.#results = request.mappings.map(({ id, source, target }) => ({
      id,
      source,
      target,
      attempts: 1,
      finished_at: '2026-01-31T12:00:01.000Z',
      duration_ms: 48,
      ...(target === 'broken'
        ? { status: 'failed', result: null, error: REJECTION }
        : { status: 'completed', result: {}, error: null }),
    }))
  }

  look(): RequestStatus {
    const total = this.#results.length
    this.#processed = Math.min(total, this.#processed + Math.ceil(total / 4))
    return this.status()
  }

  status(): RequestStatus {
    const total = this.#results.length
    const done = this.#results.slice(0, this.#processed)
    const failed = done.filter(({ status }) => status === 'failed').length
    const finished = this.#isCancelled || this.#processed === total
    return {
      request_id: this.id,
      status: this.#state(failed),
      progress: Math.floor((100 * this.#processed) / total),
      total_mappings: total,
      processed_mappings: this.#processed,
      failed_mappings: failed,
      completed_mappings: this.#processed - failed,
      cancelled_mappings: this.#isCancelled ? total - done.length : 0,
      details: null,
      priority: this.#request.priority ?? 'MEDIUM',
      created_at: '2026-01-31T12:00:00.000Z',
      started_at: '2026-01-31T12:00:00.000Z',
      finished_at: finished ? '2026-01-31T12:00:03.400Z' : null,
      eta_seconds: finished ? null : 130,
      waiting_on: [],
      retry_of: this.#retryOf,
      callback: null,
      metadata: this.#request.metadata ?? {},
    }
  }

  /** Every status that there is to come, and the end. */
  events(): string {
    const told: RequestStatus[] = [this.status()]
    while (told.at(-1)?.finished_at === null) told.push(this.look())
    const events = told.map((status) => event('status', status)).join('')
    return events + event('done', this.status())
  }

  cancel(): RequestStatus {
    this.#isCancelled = true
    return this.status()
  }

  failures(): FailureGroup[] {
    const failed = this.#results.filter(({ status }) => status === 'failed')
    const [sample] = failed
    if (sample === undefined) return []
    const { code, http_status, message } = REJECTION
    const group = { target: 'broken', code, http_status, message }
    return [{ ...group, count: failed.length, sample_mapping_id: sample.id }]
  }

  /** What a retry takes up. */
  unfinished(): readonly Mapping[] {
    return this.#request.mappings.filter(({ target }) => target === 'broken')
  }

  lines(status: string | undefined): string {
    return this.#chosen(status)
      .map((result) => `${JSON.stringify(result)}\n`)
      .join('')
  }

  csv(status: string | undefined): string {
    const rows = this.#chosen(status).map(({ id, source, target }) => `${id},${source},${target}`)
    return ['id,source,target', ...rows, ''].join('\r\n')
  }

  page({ limit = '1000', cursor = '0', status }: Readonly<Record<string, string>>) {
    const chosen = this.#chosen(status)
    const from = Number(cursor)
    const to = from + Number(limit)
    return {
      ...this.status(),
      results: chosen.slice(from, to),
      next_cursor: to < chosen.length ? String(to) : null,
    }
  }

  #chosen(status: string | undefined): readonly Result[] {
    return this.#results.filter((result) => status === undefined || result.status === status)
  }

  #state(failed: number): RequestState {
    if (this.#processed < this.#results.length)
      return this.#isCancelled ? 'cancelled' : 'in_progress'
    return failed > 0 ? 'failed' : 'completed'
  }
}

function event(type: string, status: RequestStatus): string {
  return `event: ${type}\nid: ${status.processed_mappings}\ndata: ${JSON.stringify(status)}\n\n`
}

const REJECTION = {
  code: 'target_rejected',
  message: 'it answered 422',
  stage: 'write',
  http_status: 422,
  attempts: 1,
} as const
