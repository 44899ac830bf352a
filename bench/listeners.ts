import { setTimeout } from 'node:timers/promises'
import { type Bench, inTurn, stepsInTurn } from './bench.ts'
import { askMeanwhile } from './livez.ts'
import { ingest } from './mappings.ts'
import { startPart } from './part.ts'
import type { ListenOrder } from './parts/listeners.ts'
import { processorShare } from './processor.ts'
import { startServer } from './server.ts'

const CLIENTS = 1000
/** Busy for some ten seconds: 20 calls at once, each of them 10 ms. */
const MAPPINGS = 20_000
const LATENCY = '10ms'
const WARM_UP_MS = 1000
const WATCHED_MS = 6000
const POLL_MS = 100

/** What it costs that many follow a request, and whether each of them sees its end. */
export const listeners: Bench = {
  name: 'listeners',
  what: `${CLIENTS.toLocaleString('en')} clients in another process follow one busy request to its end, and none does.`,
  reference: null,
  steps: stepsInTurn(2),

  async run(step) {
    await using server = await startServer({
      SLUICE_SIMULATED_LATENCY: LATENCY,
      SLUICE_SIMULATED_SUCCESS_RATE: '1',
    })
    await using part = await startPart<ListenOrder, number>('listeners')
    const latencies: number[] = []

    /** Percent of one core while a request is carried out. */
    async function share(clients: number): Promise<number> {
      const id = await server.api.post(ingest(MAPPINGS))
      const url = `${server.url}/status/${id}/events`
      if (clients > 0) await part.ask({ url, clients })
      const ended = clients > 0 ? part.next() : null
      await setTimeout(WARM_UP_MS)
      const asking = askMeanwhile(server, clients > 0 ? latencies : [])
      const taken = await processorShare(server.pid, WATCHED_MS)
      await asking.end()
      await server.api.finished(id, POLL_MS)
      const seen = (await ended) ?? 0
      if (seen !== clients) throw new Error(`${seen} of ${clients} clients have seen the end.`)
      return taken
    }

    const [alone = [], followed = []] = await inTurn([() => share(0), () => share(CLIENTS)], step)
    return [
      {
        kind: 'measurement',
        what: 'of one core more than without them',
        unit: '%',
        samples: followed.map((taken, round) => taken - (alone[round] ?? 0)),
        percentile: 50,
        target: 20,
      },
      {
        kind: 'measurement',
        what: 'for GET /livez meanwhile',
        unit: 'ms',
        samples: latencies,
        percentile: 100,
        target: 50,
      },
    ]
  },
}
