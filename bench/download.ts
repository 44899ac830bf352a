import { openSqliteStore } from '../src/store/sqlite/store.ts'
import { type Bench, inTurn, stepsInTurn } from './bench.ts'
import { finishedRequest } from './filled-store.ts'
import { scratchDirectory } from './leftovers.ts'
import { askMeanwhile } from './livez.ts'
import { mostMemory } from './memory.ts'
import { startPart } from './part.ts'
import type { Read, ReadOrder } from './parts/reader.ts'
import { startServer } from './server.ts'

const RESULTS = 2_000_000

/** Whether results of any number can be read at once, and everything else goes on meanwhile. */
export const download: Bench = {
  name: 'download',
  what: `${RESULTS.toLocaleString('en')} results of one request, read as NDJSON by another process.`,
  reference: null,
  steps: 1 + stepsInTurn(1),

  async run(step) {
    using scratch = scratchDirectory()
    const store = await openSqliteStore({ dataDir: scratch.path })
    const id = await finishedRequest(store, RESULTS)
    await store.close()
    step()

    await using server = await startServer({ SLUICE_DATA_DIR: scratch.path })
    await using reader = await startPart<ReadOrder, Read>('reader')
    const order = { url: `${server.url}/status/${id}/results`, accept: 'application/x-ndjson' }
    const latencies: number[] = []

    async function read(): Promise<number> {
      const asking = askMeanwhile(server, latencies)
      const { lines, elapsedMs } = await reader.ask(order)
      await asking.end()
      if (lines !== RESULTS) throw new Error(`There were ${lines} results of ${RESULTS}.`)
      return elapsedMs / 1000
    }

    const [elapsed = []] = await inTurn([read], step)
    return [
      {
        kind: 'measurement',
        what: 'for all of them',
        unit: 's',
        samples: elapsed,
        percentile: 50,
        target: RESULTS / 100_000,
      },
      {
        kind: 'measurement',
        what: 'for GET /livez meanwhile',
        unit: 'ms',
        samples: latencies,
        percentile: 100,
        target: 50,
      },
      {
        kind: 'measurement',
        what: 'of memory, at most',
        unit: 'MB',
        samples: [mostMemory(server.pid)],
        percentile: 100,
        target: 400,
      },
    ]
  },
}
