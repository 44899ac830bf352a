import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { Bench } from './bench.ts'
import { type Server, startServer } from './server.ts'

const STARTS = 5
const CALM_DOWN_MS = 3000
const IDLE_MS = 10_000
/** Linux counts the processor time of processes in these, on every architecture. */
const TICK_MS = 10

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
    const shares = await Promise.all(started.map(({ pid }) => processorShare(pid)))
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

/** Percent of one core, over the time in which it is watched. */
async function processorShare(pid: number): Promise<number> {
  const before = { used: processorMs(pid), at: performance.now() }
  await setTimeout(IDLE_MS)
  return (100 * (processorMs(pid) - before.used)) / (performance.now() - before.at)
}

/** What all threads of a process have used: the fields utime and stime of proc_pid_stat(5). */
function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field, the name, may hold anything; what follows it is numbers.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}
