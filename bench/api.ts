import { setTimeout } from 'node:timers/promises'
import { Pool } from 'undici'

/** No request here should take longer. */
const WORK_MS_MAX = 120_000

/** What a status must tell here. */
export interface Status {
  readonly failed_mappings: number
  readonly finished_at: string | null
}

interface ResultsPage {
  readonly results: readonly unknown[]
  readonly next_cursor: string | null
}

/** As much of the API as the benches use, as thin as it can be. */
export class Api {
  readonly #pool: Pool

  constructor(url: string) {
    this.#pool = new Pool(url, { connections: 2 })
  }

  async isLive(): Promise<boolean> {
    try {
      await this.#get('/livez')
      return true
    } catch {
      return false
    }
  }

  /** Hands in a request, and gives its id. */
  async post(body: string): Promise<string> {
    const headers = { 'content-type': 'application/json' }
    const answer = await this.#pool.request({ method: 'POST', path: '/ingest', headers, body })
    if (answer.statusCode !== 202) throw new Error(await answer.body.text())
    const { request_id: id } = await readAs<{ request_id: string }>(answer)
    return id
  }

  status(id: string): Promise<Status> {
    return this.#get<Status>(`/status/${id}`)
  }

  /**
   * Waits until a request is finished; asks every `everyMs`.
   *
   * @returns how long each answer took, in milliseconds
   * @throws when a mapping failed, for then something else was measured than was meant
   */
  async finished(id: string, everyMs: number): Promise<readonly number[]> {
    const latencies: number[] = []
    const deadline = performance.now() + WORK_MS_MAX
    while (performance.now() < deadline) {
      const askedAt = performance.now()
      const status = await this.status(id)
      latencies.push(performance.now() - askedAt)
      if (status.failed_mappings > 0) throw new Error(`${status.failed_mappings} mappings failed.`)
      if (status.finished_at !== null) return latencies
      await setTimeout(Math.max(0, askedAt + everyMs - performance.now()))
    }
    throw new Error(`A request was not finished within ${WORK_MS_MAX} ms.`)
  }

  /** All results of a request, one JSON object a line. */
  async resultLines(id: string): Promise<string> {
    const lines: string[] = []
    const path = `/status/${id}/results?limit=10000`
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: ResultsPage = await this.#get(cursor === '' ? path : `${path}&cursor=${cursor}`)
      for (const result of page.results) lines.push(`${JSON.stringify(result)}\n`)
      cursor = page.next_cursor
    }
    return lines.join('')
  }

  close(): Promise<void> {
    return this.#pool.destroy()
  }

  async #get<T>(path: string): Promise<T> {
    const answer = await this.#pool.request({ method: 'GET', path })
    if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}.`)
    return await readAs<T>(answer)
  }
}

/** The types here are what the API's own document says of the answers. */
async function readAs<T>({ body }: { body: { json(): Promise<unknown> } }): Promise<T> {
  return (await body.json()) as T
}
