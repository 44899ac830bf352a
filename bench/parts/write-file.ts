/** Parses a body, and writes and syncs its results to a file: the least that must be done. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { obey, ready } from './part.ts'

export interface FileOrder {
  /** Where to write. */
  readonly path: string
}

const [bodyFile = '', resultsFile = ''] = process.argv.slice(2)
const body = readFileSync(bodyFile)
const results = readFileSync(resultsFile)

/** Answers with the milliseconds it took. */
obey(async ({ path }: FileOrder) => {
  const startedAt = performance.now()
  JSON.parse(body.toString())
  const file = openSync(path, 'w')
  for (let at = 0; at < results.length; ) at += writeSync(file, results, at)
  fsyncSync(file)
  closeSync(file)
  return performance.now() - startedAt
})
ready()
