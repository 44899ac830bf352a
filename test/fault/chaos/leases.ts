import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { SeenLease } from './checks.ts'

const LOOK_EVERY_MS = 100

const LEASES = `
  SELECT b.id::int AS batch, b.token::int AS token, b.worker, w.id IS NOT NULL AS "isKnown"
  FROM batches b LEFT JOIN workers w ON w.id = b.worker WHERE b.state = 'leased'`

/** Looks at the leases in the database again and again, whenever it is there. */
export class LeaseWatch {
  readonly samples: (readonly SeenLease[])[] = []
  readonly #url: string
  #isOver = false

  constructor(url: string) {
    this.#url = url
  }

  /** Resolves after `end`. */
  async run(): Promise<void> {
    while (!this.#isOver) {
      const client = new pg.Client(this.#url)
      client.on('error', () => {})
      try {
        await client.connect()
        await this.#look(client)
      } catch {
        // The database is away.
        await pause(LOOK_EVERY_MS)
      }
      client.end().catch(() => {})
    }
  }

  end(): void {
    this.#isOver = true
  }

  async #look(client: pg.Client): Promise<void> {
    while (!this.#isOver) {
      const { rows } = await client.query<SeenLease>(LEASES)
      this.samples.push(rows)
      await pause(LOOK_EVERY_MS)
    }
  }
}
