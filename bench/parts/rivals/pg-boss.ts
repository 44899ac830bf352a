/** pg-boss by its bulk operations: insert, fetch in batches, complete in batches. */
import { PgBoss } from 'pg-boss'
import { chunks, compete, url } from '../rival.ts'

const QUEUE = 'deliver'
const INSERTED_AT_ONCE = 5000
const FETCHED_AT_ONCE = 1000
const WORKERS = 4

const boss = new PgBoss({ connectionString: url, max: WORKERS + 1 })
await boss.start()
await boss.createQueue(QUEUE)

compete(async (mappings) => {
  let left = mappings.length

  async function work(): Promise<void> {
    while (left > 0) {
      const jobs = await boss.fetch(QUEUE, { batchSize: FETCHED_AT_ONCE })
      if (jobs.length === 0) continue
      await boss.complete(
        QUEUE,
        jobs.map(({ id }) => id),
        {},
      )
      left -= jobs.length
    }
  }

  async function insert(): Promise<void> {
    for (const chunk of chunks(mappings, INSERTED_AT_ONCE)) {
      await boss.insert(
        QUEUE,
        chunk.map((data) => ({ data })),
      )
    }
  }

  await Promise.all([insert(), ...Array.from({ length: WORKERS }, work)])
})
