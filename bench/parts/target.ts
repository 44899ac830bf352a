/**
 * A plain HTTP target that takes everything. Usage: target.ts [latency in ms] [prefix]; it tells
 * when the first call for a mapping whose id begins with the prefix comes in. Asked, it tells how many
 * calls it has answered.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { sharedNow } from '../clock.ts'
import { obey, ready, tell } from './part.ts'

/** Asks how many calls it has answered. */
export interface CountOrder {
  readonly count: 'answered'
}

/** A call that was waited for. */
export interface Arrival {
  readonly id: string
  /** On the clock that all processes of the machine share, in milliseconds. */
  readonly at: number
}

const [latency = '0', prefix] = process.argv.slice(2)
const delay = Number(latency)
let answered = 0
const HEADERS = { 'content-type': 'application/json', 'content-length': 2 }

const server = createServer((request, response) => {
  if (prefix !== undefined) lookOut(request.headers['sluice-mapping-id'], prefix)
  const answer = () => {
    answered += 1
    response.writeHead(200, HEADERS).end('{}')
  }
  request.resume().once('end', () => {
    if (delay === 0) answer()
    else setTimeout(answer, delay)
  })
})
function lookOut(id: string | string[] | undefined, prefix: string): void {
  if (typeof id !== 'string' || !id.startsWith(prefix)) return
  const arrival: Arrival = { id, at: sharedNow() }
  tell(arrival)
}

obey(async (_: CountOrder) => answered)
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
if (address !== null && typeof address !== 'string') ready(`http://127.0.0.1:${address.port}`)
