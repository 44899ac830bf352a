/**
 * graphile-worker as its page on performance has it: jobs are added by `addJobs`, fetched in
 * batches into a local queue, and completed in batches. Completing a job deletes it. The sizes are
 * those that were fastest here.
 */
import { setTimeout } from 'node:timers/promises'
import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import pg from 'pg'
import { Countdown, chunks, compete, url } from '../rival.ts'

const JOBS = 'graphile_worker._private_jobs'
const ADDED_AT_ONCE = 10_000
const CONCURRENCY = 24
const LOCAL_QUEUE = 5000
const COMPLETED_EVERY_MS = 250
const POLL_MS = 2

const done = new Countdown()
const logger = new Logger(() => () => {})
await run({
  preset: {
    worker: {
      connectionString: url,
      concurrentJobs: CONCURRENCY,
      maxPoolSize: CONCURRENCY + 1,
      localQueue: { size: LOCAL_QUEUE },
      completeJobBatchDelay: COMPLETED_EVERY_MS,
      logger,
    },
  },
  noHandleSignals: true,
  taskList: { deliver: async () => done.tick() },
})
const utils = await makeWorkerUtils({ connectionString: url, logger })
const database = new pg.Pool({ connectionString: url, max: 1 })
// Statistics from a moment when the table was empty make a fetch from the full one take minutes. So there
// are none: VACUUM would say how few rows a page holds, where it could not cut the pages off.
await database.query(`ALTER TABLE ${JOBS} SET (autovacuum_enabled = off)`)

async function isEmpty(): Promise<boolean> {
  const jobs = await database.query(`SELECT FROM ${JOBS} LIMIT 1`)
  return jobs.rowCount === 0
}

compete(
  async (mappings) => {
    const carriedOut = done.from(mappings.length)
    for (const chunk of chunks(mappings, ADDED_AT_ONCE)) {
      await utils.addJobs(chunk.map((payload) => ({ identifier: 'deliver', payload })))
    }
    await carriedOut
    while (!(await isEmpty())) await setTimeout(POLL_MS)
  },
  () => database.query(`TRUNCATE ${JOBS}`),
)
