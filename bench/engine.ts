import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, INTERLEAVED_STEPS, interleave, perSecond } from './bench.ts'
import { scratchDirectory } from './leftovers.ts'
import { ingest } from './mappings.ts'
import { startPart } from './part.ts'
import type { FileOrder } from './parts/write-file.ts'
import { startServer } from './server.ts'

const MAPPINGS = 100_000
const POLL_MS = 5

/** How fast Sluice itself is, where the systems take no time. */
export const engine: Bench = {
  name: 'engine',
  what: 'One POST of 100,000 mappings to a simulated system that answers at once, until the last result is on disk.',
  reference:
    'One process that parses the same body, makes the same results of it, and writes and syncs them to a file.',
  steps: INTERLEAVED_STEPS,

  async run(step) {
    using scratch = scratchDirectory()
    await using server = await startServer({
      SLUICE_SIMULATED_LATENCY: '0ms',
      SLUICE_SIMULATED_SUCCESS_RATE: '1',
    })
    const { api } = server
    const body = ingest(MAPPINGS)

    async function carriedOut(): Promise<string> {
      const id = await api.post(body)
      await api.finished(id, POLL_MS)
      return id
    }

    const bodyFile = join(scratch.path, 'body')
    const resultsFile = join(scratch.path, 'results')
    writeFileSync(bodyFile, body)
    await using writer = await startPart<FileOrder, number>('write-file', bodyFile)

    async function sluice(): Promise<number> {
      const startedAt = performance.now()
      await carriedOut()
      return perSecond(MAPPINGS, performance.now() - startedAt)
    }

    async function reference(): Promise<number> {
      return perSecond(MAPPINGS, await writer.ask({ path: resultsFile }))
    }

    const ours = await api.resultLines(await carriedOut())
    await reference()
    if (timeless(ours) !== timeless(readFileSync(resultsFile, 'utf8'))) {
      throw new Error('the reference does not write the results that Sluice does')
    }

    const samples = await interleave(sluice, reference, step)
    const what = 'from the POST to the last durable result'
    return [{ kind: 'comparison', what, unit: 'mappings/s', samples, target: 0.4 }]
  },
}

/** Result lines without what differs from run to run. */
function timeless(lines: string): string {
  return lines.replaceAll(/"finished_at":"[^"]*","duration_ms":\d+/g, '')
}
