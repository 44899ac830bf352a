/** Reads an answer to its end, as fast as it comes, and counts its lines. */
import { Pool } from 'undici'
import { obey, ready } from './part.ts'

export interface ReadOrder {
  readonly url: string
  readonly accept: string
}

export interface Read {
  readonly lines: number
  readonly elapsedMs: number
}

const NEW_LINE = 10

obey(async ({ url, accept }: ReadOrder): Promise<Read> => {
  const { origin, pathname: path } = new URL(url)
  const pool = new Pool(origin, { connections: 1 })
  const startedAt = performance.now()
  const answer = await pool.request({ path, method: 'GET', headers: { accept } })
  if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}.`)
  let lines = 0
  for await (const chunk of answer.body) lines += newLinesIn(chunk)
  const elapsedMs = performance.now() - startedAt
  await pool.close()
  return { lines, elapsedMs }
})
ready()

function newLinesIn(chunk: Buffer): number {
  let lines = 0
  for (let at = chunk.indexOf(NEW_LINE); at >= 0; at = chunk.indexOf(NEW_LINE, at + 1)) lines++
  return lines
}
