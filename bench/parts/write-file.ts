/** Parses a body, makes its results, and writes and syncs them to a file: the least that must be done. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { Mapping } from '../../src/core/mapping.ts'
import { obey, ready } from './part.ts'

export interface FileOrder {
  /** Where to write. */
  readonly path: string
}

const [bodyFile = ''] = process.argv.slice(2)
const body = readFileSync(bodyFile)

/** The result of a mapping that went well at the first attempt, as Sluice shows it. */
function result({ id, source, target }: Mapping): string {
  return JSON.stringify({
    id,
    source,
    target,
    status: 'completed',
    attempts: 1,
    result: {},
    error: null,
    finished_at: new Date().toISOString(),
    duration_ms: 0,
  })
}

/** Answers with the milliseconds it took. */
obey(async ({ path }: FileOrder) => {
  const startedAt = performance.now()
  const { mappings }: { readonly mappings: readonly Mapping[] } = JSON.parse(body.toString())
  const results = Buffer.from(`${mappings.map(result).join('\n')}\n`)
  const file = openSync(path, 'w')
  for (let at = 0; at < results.length; ) at += writeSync(file, results, at)
  fsyncSync(file)
  closeSync(file)
  return performance.now() - startedAt
})
ready()
