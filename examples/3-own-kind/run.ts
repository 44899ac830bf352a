/** A system that speaks a protocol of its own, by a kind of one's own. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { walk } from '../support/walk.ts'

const heard: string[] = []
const server = createServer((socket) => {
  socket.on('error', () => {})
  createInterface(socket).on('line', (line) => {
    const isPolite = line.startsWith('good-day ') && !line.includes('rude')
    if (isPolite) heard.push(line.slice(line.indexOf('{')))
    socket.write(isPolite ? 'ok\n' : 'no: mind your words\n')
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
if (address === null || typeof address === 'string') throw new Error('not listening on a port')

const mappings = ['hello', 'thanks', 'rude'].map((word) => ({
  id: word,
  source: 'board',
  target: 'board',
  transformation: { word },
}))
const env = { EXAMPLE_PORT: String(address.port), EXAMPLE_GREETING: 'good-day' }
try {
  await walk(new URL('systems.yaml', import.meta.url), { mappings }, env)
  console.log(`The board has heard ${heard.sort().join(' and ')}.`)
} finally {
  server.close()
}
