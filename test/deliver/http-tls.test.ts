import { once } from 'node:events'
import { createSecureServer } from 'node:http2'
import { createServer as createTcpServer } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { call } from './calls.ts'
import { proxyTo } from './systems-under-test.ts'
import { answer, connect, silentTarget } from './targets.ts'
import { pem } from './tls/pem.ts'

const CA = pem('ca.crt')

/** A target that answers every connection with a 200; gives its port. */
async function tlsTarget(name: string, options: TlsOptions = {}) {
  const seen: string[] = []
  const identity = { cert: pem(`${name}.crt`), key: pem(`${name}.key`) }
  const server = createServer({ ...identity, ...options }, (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      seen.push(String(socket.getPeerCertificate().subject?.CN ?? 'nobody'))
      socket.end(answer('200 OK'))
    })
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.close()
  })
  await once(server, 'listening')
  return { port: portOf(server), seen }
}

function portOf(server: { address(): unknown }): number {
  const address = server.address()
  if (typeof address !== 'object' || address === null || !('port' in address)) throw new Error()
  return Number(address.port)
}

const DELIVERED = { kind: 'delivered' }

describe('a certificate', () => {
  test('of a known authority is trusted', async () => {
    const { port } = await tlsTarget('server')
    const connection = connect({ base_url: `https://127.0.0.1:${port}`, tls: { ca: CA } })
    expect(await connection.write(call(), {})).toMatchObject(DELIVERED)
  })

  test.each([
    ['server', {}, 'is not trusted; in the systems file, tls.ca can name who signed it'],
    ['self-signed', { ca: CA }, 'The certificate of the host is not trusted'],
    ['expired', { ca: CA }, 'The certificate of the host has expired'],
    ['elsewhere', { ca: CA }, 'The certificate of the host is for another name'],
  ])('of %s with %j is not', async (name, tls, says) => {
    const { port, seen } = await tlsTarget(name)
    const connection = connect({ base_url: `https://127.0.0.1:${port}`, tls })
    expect(await connection.write(call(), {})).toEqual({
      kind: 'unanswered',
      stage: 'write',
      code: 'connection_failed',
      message: expect.stringContaining(says),
    })
    expect(seen).toEqual([])
  })

  test('that is its own authority can be trusted by itself', async () => {
    const { port } = await tlsTarget('self-signed')
    const tls = { ca: pem('self-signed.crt') }
    const connection = connect({ base_url: `https://127.0.0.1:${port}`, tls })
    expect(await connection.write(call(), {})).toMatchObject(DELIVERED)
  })

  test('for another name is trusted where the systems file gives that name', async () => {
    const { port } = await tlsTarget('elsewhere')
    const tls = { ca: CA, server_name: 'elsewhere.test' }
    const connection = connect({ base_url: `https://127.0.0.1:${port}`, tls })
    expect(await connection.write(call(), {})).toMatchObject(DELIVERED)
  })

  test('is judged by the name, not by where the name leads', async () => {
    const { port } = await tlsTarget('server')
    const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }])
    const to = (host: string) => {
      return connect({ base_url: `https://${host}:${port}`, tls: { ca: CA } }, { resolve })
    }
    expect(await to('shop.test').write(call(), {})).toMatchObject(DELIVERED)
    expect(await to('other.test').write(call(), {})).toMatchObject({
      message: expect.stringContaining('for another name'),
    })
  })
})

describe('a target that wants to know who calls', () => {
  const WANTS_IT = { requestCert: true, ca: CA }

  test('is shown our certificate', async () => {
    const { port, seen } = await tlsTarget('server', WANTS_IT)
    const tls = { ca: CA, cert: pem('client.crt'), key: pem('client.key') }
    const connection = connect({ base_url: `https://127.0.0.1:${port}`, tls })
    expect(await connection.write(call(), {})).toMatchObject(DELIVERED)
    expect(seen).toEqual(['client'])
  })

  test('takes no call without one', async () => {
    const { port, seen } = await tlsTarget('server', WANTS_IT)
    const connection = connect({ base_url: `https://127.0.0.1:${port}`, tls: { ca: CA } })
    expect(await connection.write(call(), {})).toMatchObject({ code: 'connection_failed' })
    expect(seen).toEqual([])
  })
})

test('a handshake that hangs ends within the deadline', async () => {
  const server = createTcpServer(() => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  const base_url = `https://127.0.0.1:${portOf(server)}`
  const connection = connect({ base_url }, { timeout: 200 })
  expect(await connection.write(call(), {})).toMatchObject({ code: 'timeout' })
})

test('a connection that is never made ends within the deadline', async () => {
  const connection = connect({ base_url: await silentTarget() }, { timeout: 200 })
  const endings = await Promise.all(Array.from({ length: 8 }, () => connection.write(call(), {})))
  for (const ending of endings) expect(ending).toMatchObject({ code: 'timeout' })
})

describe('HTTP/2', () => {
  async function http2Target() {
    const seen = { sessions: 0, atOnce: 0, atOnceMax: 0, versions: new Set<string>() }
    const waiting: (() => void)[] = []
    const identity = { cert: pem('server.crt'), key: pem('server.key') }
    const server = createSecureServer({ ...identity, allowHTTP1: true }, (request, response) => {
      seen.versions.add(request.httpVersion)
      seen.atOnce += 1
      seen.atOnceMax = Math.max(seen.atOnceMax, seen.atOnce)
      request.resume().on('end', () => {
        waiting.push(() => {
          seen.atOnce -= 1
          response.writeHead(200, { 'content-type': 'application/json' })
          response.end('{"id":7}')
        })
        if (waiting.length === 4) for (const go of waiting.splice(0)) go()
      })
    })
    server.on('session', () => {
      seen.sessions += 1
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.close()
    })
    return { url: `https://127.0.0.1:${portOf(server)}`, seen }
  }

  test('carries calls beside each other on one connection', async () => {
    const { url, seen } = await http2Target()
    const connection = connect({ base_url: url, http2: true, tls: { ca: CA } })
    for (let round = 0; round < 3; round++) {
      const calls = Array.from({ length: 4 }, () => connection.write(call(), {}))
      for (const ending of await Promise.all(calls)) {
        expect(ending).toEqual({ kind: 'delivered', result: { id: 7 } })
      }
    }
    expect(seen).toEqual({ sessions: 1, atOnce: 0, atOnceMax: 4, versions: new Set(['2.0']) })
  })

  test('is not spoken unless the systems file says so', async () => {
    const { url, seen } = await http2Target()
    const connection = connect({ base_url: url, tls: { ca: CA } })
    const calls = Array.from({ length: 4 }, () => connection.write(call(), {}))
    for (const ending of await Promise.all(calls)) expect(ending).toMatchObject(DELIVERED)
    expect(seen).toMatchObject({ sessions: 0, versions: new Set(['1.1']) })
  })

  test('is left for HTTP/1.1 where the target does not speak it', async () => {
    const { port } = await tlsTarget('server')
    const base_url = `https://127.0.0.1:${port}`
    const connection = connect({ base_url, http2: true, tls: { ca: CA } })
    expect(await connection.write(call(), {})).toMatchObject(DELIVERED)
  })

  test('ends a call that hangs within its deadline, and goes on with others', async () => {
    const { url } = await http2Target()
    const config = { base_url: url, http2: true, tls: { ca: CA } }
    const connection = connect(config, { timeout: 300 })
    expect(await connection.write(call(), {})).toMatchObject({ code: 'timeout' })
    const calls = Array.from({ length: 3 }, () => connection.write(call(), {}))
    for (const ending of await Promise.all(calls)) expect(ending).toMatchObject(DELIVERED)
  })

  test('has a new connection after a call that was not answered, for the old one may be dead', async () => {
    const server = createSecureServer(
      { cert: pem('server.crt'), key: pem('server.key') },
      (request, response) => void request.resume().on('end', () => response.end('{"id":7}')),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.close()
    })
    const way = await proxyTo(portOf(server))
    const config = { base_url: `https://127.0.0.1:${way.port}`, http2: true, tls: { ca: CA } }
    const connection = connect(config, { timeout: 500 })
    expect(await connection.write(call(), {})).toMatchObject({ kind: 'delivered' })
    way.hush()
    expect(await connection.write(call(), {})).toMatchObject({ code: 'timeout' })
    expect(await connection.write(call(), {})).toMatchObject({ kind: 'delivered' })
    await eventually(() => expect(way.ends()).toBe(3))
  })
})
