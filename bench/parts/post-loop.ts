/**
 * Posts one body again and again, over many connections, each as soon as the last is answered. It reads no
 * more of an answer than its status and where it ends: a client library would take twice as much of the
 * processor, which it shares with the server that is to be measured.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { obey, ready } from './part.ts'

export interface PostOrder {
  readonly url: string
  readonly body: string
  readonly connections: number
  readonly elapsedMs: number
}

const END_OF_HEAD = '\r\n\r\n'

/** Answers with how many calls a second were answered, all of them well. */
obey(async ({ url, body, connections, elapsedMs }: PostOrder) => {
  const { hostname, port, host, pathname } = new URL(url)
  const head = [
    `POST ${pathname} HTTP/1.1`,
    `host: ${host}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  const call = Buffer.from(`${head.join('\r\n')}${END_OF_HEAD}${body}`)
  const sockets = Array.from({ length: connections }, () =>
    connect({ host: hostname, port: Number(port), noDelay: true }),
  )
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const startedAt = performance.now()
  const until = startedAt + elapsedMs
  const counts = await Promise.all(sockets.map((socket) => post(socket, call, until)))
  const elapsed = performance.now() - startedAt
  for (const socket of sockets) socket.destroy()
  return (counts.reduce((sum, count) => sum + count) / elapsed) * 1000
})
ready()

/** Gives how many of the calls over one connection were answered. */
function post(socket: Socket, call: Buffer, until: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let answered = 0
    let answer = ''
    socket.on('error', reject)
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString('latin1')
      if (!isWhole(answer)) return
      if (!answer.startsWith('HTTP/1.1 2')) reject(new Error(answer))
      answer = ''
      answered += 1
      if (performance.now() < until) socket.write(call)
      else resolve(answered)
    })
    socket.write(call)
  })
}

/** Only one answer comes at a time: there is nothing behind its end. */
function isWhole(answer: string): boolean {
  const headLength = answer.indexOf(END_OF_HEAD)
  if (headLength === -1) return false
  const bodyLength = /\r\ncontent-length: *(\d+)/i.exec(answer)?.[1]
  return answer.length === headLength + END_OF_HEAD.length + Number(bodyLength)
}
