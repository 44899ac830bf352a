/** `npm run bench [name…]`: measures, shows a table and, after all of them, writes the page. */
import { writeFileSync } from 'node:fs'
import { Presets, SingleBar } from 'cli-progress'
import Table from 'cli-table3'
import { backlog } from './backlog.ts'
import type { Bench, Finding } from './bench.ts'
import { download } from './download.ts'
import { engine } from './engine.ts'
import { http } from './http.ts'
import { idle } from './idle.ts'
import { intake } from './intake.ts'
import { listeners } from './listeners.ts'
import { overtake } from './overtake.ts'
import { postgresBacklog } from './postgres-backlog.ts'
import { postgresEngine } from './postgres-engine.ts'
import { postgresHttp } from './postgres-http.ts'
import { postgresIdle } from './postgres-idle.ts'
import { postgresNodes } from './postgres-nodes.ts'
import { COLUMNS, page, type Ran, rows } from './report.ts'
import { upload } from './upload.ts'

const BENCHES: readonly Bench[] = [
  ...[engine, http, intake, upload, download, listeners, overtake, backlog, idle],
  ...[postgresEngine, postgresHttp, postgresNodes, postgresBacklog, postgresIdle],
]
const PAGE = new URL('../docs/benchmarks.md', import.meta.url)

const names = process.argv.slice(2)
const unknown = names.filter((name) => BENCHES.every((bench) => bench.name !== name))
if (unknown.length > 0) {
  const known = BENCHES.map(({ name }) => name).join(', ')
  console.error(`There is no bench ${unknown.join(', ')}. There are: ${known}.`)
  process.exit(2)
}

const chosen = BENCHES.filter(({ name }) => names.length === 0 || names.includes(name))
const ran: Ran[] = []
for (const bench of chosen) ran.push({ bench, findings: await findingsOf(bench) })

const table = new Table({ head: COLUMNS, style: { head: [], border: [], compact: true } })
table.push(...rows(ran))
console.log(table.toString())
if (chosen.length === BENCHES.length) writeFileSync(PAGE, page(ran, new Date()))

/** What a bench finds. One that fails is told of and takes nothing with it: the others took long as well. */
async function findingsOf(bench: Bench): Promise<readonly Finding[]> {
  try {
    return await withProgress(bench)
  } catch (error) {
    console.error(error)
    process.exitCode = 1
    const because = error instanceof Error ? error.message : String(error)
    return [{ kind: 'unmeasured', what: 'all of it', because }]
  }
}

async function withProgress(bench: Bench): Promise<readonly Finding[]> {
  const bar = new SingleBar(
    {
      format: `${bench.name.padEnd(16)} {bar} {percentage}%  {duration_formatted}`,
      noTTYOutput: true,
    },
    Presets.shades_classic,
  )
  bar.start(bench.steps, 0)
  try {
    return await bench.run(() => bar.increment())
  } finally {
    bar.stop()
  }
}
