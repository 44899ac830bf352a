/** BullMQ: jobs are added by `addBulk`, and a worker carries out many at a time. */
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { Countdown, chunks, compete, url } from '../rival.ts'

const QUEUE = 'deliver'
const ADDED_AT_ONCE = 1000
const CONCURRENCY = 500

const connect = () => new Redis(url, { maxRetriesPerRequest: null })
const done = new Countdown()
const queue = new Queue(QUEUE, { connection: connect() })
const worker = new Worker(QUEUE, async () => ({}), {
  connection: connect(),
  concurrency: CONCURRENCY,
})
worker.on('completed', () => done.tick())

compete(async (mappings) => {
  const carriedOut = done.from(mappings.length)
  for (const chunk of chunks(mappings, ADDED_AT_ONCE)) {
    await queue.addBulk(chunk.map((data) => ({ name: QUEUE, data })))
  }
  await carriedOut
})
