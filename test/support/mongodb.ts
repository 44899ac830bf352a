/**
 * Speaks as much of MongoDB's wire protocol as a client needs to say hello, to be refused, and to
 * write: neither npm nor Debian has a server. What it answers is what MongoDB 7 answers.
 */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { BSON, type Document } from 'mongodb'
import { onTestFinished } from 'vitest'

const OP_REPLY = 1
const OP_QUERY = 2004
const OP_MSG = 2013
const HEADER = 16

const HELLO = {
  ...{ ok: 1, helloOk: true, isWritablePrimary: true, ismaster: true },
  ...{ minWireVersion: 0, maxWireVersion: 21, maxBsonObjectSize: 16_777_216 },
  ...{ maxMessageSizeBytes: 48_000_000, maxWriteBatchSize: 100_000 },
}

/** Answers one command that is neither a hello nor the end of a session. */
export type Respond = (command: Document) => Document

/**
 * Starts it on a free port; it is gone when the test is over. Gives its address.
 *
 * @param host on loopback
 * @param members of its replica set, beside itself; without any it is none
 */
export async function fakeMongodb(
  respond: Respond,
  { host = '127.0.0.1', members = [] as readonly string[] } = {},
): Promise<string> {
  const sockets = new Set<Socket>()
  let hello: Document = HELLO
  const server = createServer((socket) => {
    sockets.add(socket)
    let unread = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      unread = Buffer.concat([unread, chunk])
      while (unread.length >= HEADER && unread.length >= unread.readInt32LE(0)) {
        const message = unread.subarray(0, unread.readInt32LE(0))
        unread = unread.subarray(message.length)
        socket.write(answer(message, hello, respond))
      }
    })
  })
  server.listen(0, host)
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  const me = `${host}:${address.port}`
  if (members.length > 0) hello = { ...HELLO, setName: 'rs', me, hosts: [me, ...members] }
  return me
}

function answer(message: Buffer, hello: Document, respond: Respond): Buffer {
  const isQuery = message.readInt32LE(12) === OP_QUERY
  const command = isQuery ? queried(message) : commanded(message)
  const [name = ''] = Object.keys(command)
  const isHello = ['hello', 'ismaster', 'isMaster'].includes(name)
  const body = BSON.serialize(
    isHello ? hello : name === 'endSessions' ? { ok: 1 } : respond(command),
  )
  const head = Buffer.alloc(isQuery ? 20 : 5)
  if (isQuery) head.writeInt32LE(1, 16)
  const header = Buffer.alloc(HEADER)
  header.writeInt32LE(HEADER + head.length + body.length, 0)
  header.writeInt32LE(message.readInt32LE(4), 8)
  header.writeInt32LE(isQuery ? OP_REPLY : OP_MSG, 12)
  return Buffer.concat([header, head, body])
}

/** The way to ask that servers took before 3.6, in which clients still say hello. */
function queried(message: Buffer): Document {
  const afterName = message.indexOf(0, HEADER + 4) + 1
  return BSON.deserialize(message.subarray(afterName + 8))
}

/** A document, and lists that belong to it. */
function commanded(message: Buffer): Document {
  let command: Document = {}
  for (let at = HEADER + 4; at < message.length; ) {
    const isList = message[at] === 1
    const size = message.readInt32LE(at + 1)
    const section = message.subarray(at + 1, at + 1 + size)
    if (isList) {
      const nameEnd = section.indexOf(0, 4)
      command[section.toString('utf8', 4, nameEnd)] = documents(section.subarray(nameEnd + 1))
    } else command = { ...BSON.deserialize(section), ...command }
    at += 1 + size
  }
  // A command is known by its first field.
  return command
}

function documents(bytes: Buffer): Document[] {
  const found: Document[] = []
  for (let at = 0; at < bytes.length; at += bytes.readInt32LE(at)) {
    found.push(BSON.deserialize(bytes.subarray(at, at + bytes.readInt32LE(at))))
  }
  return found
}
