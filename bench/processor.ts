import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

/** Linux counts the processor time of processes in these, on every architecture. */
const TICK_MS = 10

/** Percent of one core that a process takes, over the time in which it is watched. */
export async function processorShare(pid: number, watchedMs: number): Promise<number> {
  const before = { used: processorMs(pid), at: performance.now() }
  await setTimeout(watchedMs)
  return (100 * (processorMs(pid) - before.used)) / (performance.now() - before.at)
}

/** What all threads of a process have used: the fields utime and stime of proc_pid_stat(5). */
function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field, the name, may hold anything; what follows it is numbers.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}
