/** Posts one body again and again, over many connections, each as soon as the last is answered. */
import { Pool } from 'undici'
import { obey, ready } from './part.ts'

export interface LoopOrder {
  readonly url: string
  readonly body: string
  readonly connections: number
  readonly calls: number
}

/** Answers with how many calls a second were answered, all of them well. */
obey(async ({ url, body, connections, calls }: LoopOrder) => {
  const { origin, pathname: path } = new URL(url)
  const pool = new Pool(origin, { connections })
  const headers = { 'content-type': 'application/json' }
  const startedAt = performance.now()
  let begun = 0

  async function loop(): Promise<void> {
    while (begun < calls) {
      begun += 1
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
