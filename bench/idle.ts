import { setTimeout } from 'node:timers/promises'
import type { Bench } from './bench.ts'
import { processorShare } from './processor.ts'
import { type Server, startServer } from './server.ts'

const STARTS = 5
const CALM_DOWN_MS = 3000
const IDLE_MS = 10_000

/** What Sluice costs when there is nothing to do, and how soon it is there when there is. */
export const idle: Bench = {
  name: 'idle',
  what: `${STARTS} servers, each started on an empty store, then left alone for ${IDLE_MS / 1000} s.`,
  reference: null,
  steps: STARTS + 1,

  async run(step) {
    await using servers = new AsyncDisposableStack()
    const started: Server[] = []
    while (started.length < STARTS) {
      started.push(servers.use(await startServer()))
      step()
    }
    await setTimeout(CALM_DOWN_MS)
    const shares = await Promise.all(started.map(({ pid }) => processorShare(pid, IDLE_MS)))
    step()
    return [
      {
        kind: 'measurement',
        what: 'of one core while idle',
        unit: '%',
        samples: shares,
        percentile: 50,
        target: 1,
      },
      {
        kind: 'measurement',
        what: 'from the start of the process to the first answer',
        unit: 'ms',
        samples: started.map(({ startMs }) => startMs),
        percentile: 50,
        target: 2000,
      },
    ]
  },
}
