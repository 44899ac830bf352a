/** Many clients that follow one request, each over a connection of its own, to its end. */
import { Client } from 'undici'
import { obey, ready, tell } from './part.ts'

export interface ListenOrder {
  readonly url: string
  readonly clients: number
}

const END = '\nevent: done\n'

/** Answers when all of them follow it; tells later how many have seen the end. */
obey(async ({ url, clients }: ListenOrder): Promise<number> => {
  const { origin, pathname: path } = new URL(url)
  const listeners = await Promise.all(
    Array.from({ length: clients }, async () => {
      const client = new Client(origin, { bodyTimeout: 0 })
      const headers = { accept: 'text/event-stream' }
      const answer = await client.request({ path, method: 'GET', headers })
      if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}.`)
      return { client, body: answer.body }
    }),
  )
  const ends = listeners.map(async ({ client, body }) => {
    let last = ''
    for await (const chunk of body) last = (last + chunk).slice(-4096)
    await client.close()
    return last.includes(END)
  })
  void Promise.all(ends).then((seen) => tell(seen.filter(Boolean).length))
  return clients
})
ready()
