import { setTimeout } from 'node:timers/promises'
import type { Bench } from './bench.ts'
import { askMeanwhile } from './livez.ts'
import { ingest } from './mappings.ts'
import { mostMemory } from './memory.ts'
import { startPart } from './part.ts'
import type { Uploaded, UploadOrder } from './parts/uploader.ts'
import { type Server, startServer } from './server.ts'

const LINES = 2_000_000
const ROUNDS = 3
const POST_EVERY_MS = 20

/** Whether a request of any size can be handed in, and everything else goes on meanwhile. */
export const upload: Bench = {
  name: 'upload',
  what: `One request of ${LINES.toLocaleString('en')} mappings, sent as NDJSON by another process, while others are handed in that have one.`,
  reference: null,
  steps: ROUNDS,

  async run(step) {
    await using uploader = await startPart<UploadOrder, Uploaded>('uploader', String(LINES))
    const elapsed: number[] = []
    const latencies: number[] = []
    const posts: number[] = []
    const memory: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      await using server = await startServer()
      const asking = askMeanwhile(server, latencies)
      const posting = postMeanwhile(server, posts)
      const { elapsedMs } = await uploader.ask({ origin: server.url })
      elapsed.push(elapsedMs / 1000)
      await Promise.all([asking.end(), posting.end()])
      memory.push(mostMemory(server.pid))
      step()
    }
    const highest = { kind: 'measurement', percentile: 100 } as const
    return [
      {
        kind: 'measurement',
        what: 'for all of them',
        unit: 's',
        samples: elapsed,
        percentile: 50,
        target: LINES / 100_000,
      },
      { ...highest, what: 'for GET /livez meanwhile', unit: 'ms', samples: latencies, target: 50 },
      {
        ...highest,
        what: 'for POST /ingest of one mapping meanwhile',
        unit: 'ms',
        samples: posts,
        target: 100,
      },
      { ...highest, what: 'of memory, at most', unit: 'MB', samples: memory, target: 400 },
    ]
  },
}

/** Hands in small requests, one after another, until it is told to end; as `askMeanwhile`. */
function postMeanwhile({ api }: Server, latencies: number[]): { end(): Promise<void> } {
  let isOver = false

  async function post(): Promise<void> {
    while (!isOver) {
      const postedAt = performance.now()
      await api.post(ingest(1))
      latencies.push(performance.now() - postedAt)
      await setTimeout(POST_EVERY_MS)
    }
  }

  const posting = post()
  return {
    end() {
      isOver = true
      return posting
    },
  }
}
