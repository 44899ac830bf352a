/** Posts one body again and again, over many connections, each as soon as the last is answered. */
import { Pool } from 'undici'
import { obey, ready } from './part.ts'

export interface LoopOrder {
  readonly url: string
  readonly body: string
  readonly connections: number
  readonly until: { readonly calls: number } | { readonly elapsedMs: number }
}

/** Answers with how many calls a second were answered, all of them well. */
obey(async ({ url, body, connections, until }: LoopOrder) => {
  const { origin, pathname: path } = new URL(url)
  const pool = new Pool(origin, { connections })
  const headers = { 'content-type': 'application/json' }
  const startedAt = performance.now()
  let calls = 0

  function isOver(): boolean {
    if ('calls' in until) return calls >= until.calls
    return performance.now() - startedAt >= until.elapsedMs
  }

  async function loop(): Promise<void> {
    while (!isOver()) {
      calls += 1
      const answer = await pool.request({ path, method: 'POST', headers, body })
      await answer.body.dump()
      if (answer.statusCode >= 300) throw new Error(`A call was answered ${answer.statusCode}.`)
    }
  }

  await Promise.all(Array.from({ length: connections }, loop))
  const elapsed = performance.now() - startedAt
  await pool.close()
  return (calls / elapsed) * 1000
})
ready()
