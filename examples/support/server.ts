import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'

/** What an API gets, and what it answers with. */
export type Api = (
  request: IncomingMessage,
  body: unknown,
) => { readonly status: number; readonly body: unknown }

/** Starts an API on loopback, at any free port. It speaks JSON. */
export async function startApi(api: Api): Promise<{ readonly url: string; stop(): void }> {
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const answer = api(request, text === '' ? null : JSON.parse(text))
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer.body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}
