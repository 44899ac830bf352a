/**
 * pg-boss by its bulk operations: insert, fetch in batches, complete in batches. The sizes are those
 * that were fastest here; a second loop that fetches was in the way of the first.
 */
import { PgBoss } from 'pg-boss'
import { chunks, compete, url } from '../rival.ts'

const QUEUE = 'deliver'
const AT_ONCE = 10_000
const CONNECTIONS = 3

const boss = new PgBoss({ connectionString: url, max: CONNECTIONS })
await boss.start()
await boss.createQueue(QUEUE)

compete(async (mappings) => {
  async function insert(): Promise<void> {
    for (const chunk of chunks(mappings, AT_ONCE)) {
      await boss.insert(
        QUEUE,
        chunk.map((data) => ({ data })),
      )
    }
  }

  async function work(): Promise<void> {
    for (let left = mappings.length; left > 0; ) {
      const jobs = await boss.fetch(QUEUE, { batchSize: AT_ONCE })
      if (jobs.length === 0) continue
      await boss.complete(
        QUEUE,
        jobs.map(({ id }) => id),
        {},
      )
      left -= jobs.length
    }
  }

  await Promise.all([insert(), work()])
})
