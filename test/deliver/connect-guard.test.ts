import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { safeConnector } from '../../src/deliver/connect/connector.ts'
import { AddressNotAllowed, openGuard, type Resolve } from '../../src/deliver/connect/guard.ts'
import { safeConnect } from '../../src/deliver/connect/safe-connect.ts'
import { call } from './calls.ts'
import { connect, goodTarget } from './targets.ts'

/** Answers with the next addresses each time it is asked, and with the last for ever. */
function scripted(...answers: readonly (readonly string[])[]) {
  const asked: string[] = []
  const resolve: Resolve = (host) => {
    const addresses = answers[Math.min(asked.length, answers.length - 1)] ?? []
    asked.push(host)
    return Promise.resolve(
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }
  return { resolve, asked }
}

const LOOPBACK = ['127.0.0.0/8']

describe('a name', () => {
  test('is looked up once for a connection, which then goes to what was checked', async () => {
    const { url, seen } = await goodTarget('{}')
    const dns = scripted(['127.0.0.1'], ['169.254.169.254'])
    const connection = connect(
      { base_url: url.replace('127.0.0.1', 'shop.test'), allow_private: LOOPBACK },
      { resolve: dns.resolve },
    )
    expect(await connection.write(call(), {})).toMatchObject({ kind: 'delivered' })
    expect(dns.asked).toEqual(['shop.test'])
    expect(seen[0]?.headers.host).toMatch(/^shop\.test:/)
  })

  test.each([
    ['a private address', ['127.0.0.1']],
    ['a private address among public ones', ['8.8.8.8', '127.0.0.1']],
    ['a mapped private address', ['::ffff:127.0.0.1']],
    ['where machines get their credentials', ['169.254.169.254']],
  ])('that is at %s is not called', async (_, addresses) => {
    const { url, seen } = await goodTarget('{}')
    const { resolve } = scripted(addresses)
    const base_url = url.replace('127.0.0.1', 'shop.test')
    const connection = connect({ base_url, allow_private: [] }, { resolve })
    expect(await connection.write(call(), {})).toMatchObject({
      kind: 'misconfigured',
      stage: 'write',
      code: 'address_not_allowed',
    })
    expect(seen).toEqual([])
  })

  test('that moves to a private address is not called again once its connection is gone', async () => {
    const { url, seen } = await goodTarget('{}')
    const { resolve } = scripted(['127.0.0.1'], ['127.0.0.1', '10.0.0.1'])
    const base_url = url.replace('127.0.0.1', 'shop.test')
    const config = { base_url, allow_private: LOOPBACK }
    const first = connect(config, { resolve })
    expect(await first.write(call(), {})).toMatchObject({ kind: 'delivered' })
    const second = connect(config, { resolve })
    expect(await second.write(call(), {})).toMatchObject({ kind: 'misconfigured' })
    expect(seen).toHaveLength(1)
  })

  test('without an address is unknown', async () => {
    const { resolve } = scripted([])
    const connection = connect({ base_url: 'http://shop.test' }, { resolve })
    expect(await connection.write(call(), {})).toMatchObject({
      kind: 'unanswered',
      message: 'The host name in the URL is unknown (ENOTFOUND).',
    })
  })

  test('that is never looked up to the end fails within the deadline', async () => {
    const resolve: Resolve = () => new Promise(() => {})
    const connection = connect({ base_url: 'http://shop.test' }, { resolve, timeout: 200 })
    expect(await connection.write(call(), {})).toMatchObject({ code: 'timeout' })
  })
})

describe('an address', () => {
  test.each(['127.0.0.1', '2130706433', '0x7f.1', '017700000001', '①②⑦.⓪.⓪.①'])(
    'written as %s needs allow_private, and the message says what to add',
    async (host) => {
      const { url, seen } = await goodTarget('{}')
      const base_url = new URL(url.replace('127.0.0.1', host)).href
      const connection = connect({ base_url, allow_private: [] })
      expect(await connection.write(call(), {})).toEqual({
        kind: 'misconfigured',
        stage: 'write',
        code: 'address_not_allowed',
        message:
          '127.0.0.1 is not of the public internet. If it is meant, say so in the systems file: ' +
          'allow_private: [127.0.0.1/32].',
      })
      expect(seen).toEqual([])
    },
  )

  test.each(['[::1]', '[::ffff:7f00:1]', '[::7f00:1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]'])(
    'of IPv6, %s, needs allow_private',
    async (host) => {
      const connection = connect({ base_url: `http://${host}:1`, allow_private: [] })
      const ending = await connection.write(call(), {})
      expect(ending).toMatchObject({ kind: 'misconfigured', code: 'address_not_allowed' })
    },
  )

  test.each(['http://169.254.169.254', 'http://[fd00:ec2::254]', 'http://[::ffff:a9fe:a9fe]'])(
    'such as %s is never called, whatever is allowed',
    async (base_url) => {
      const connection = connect({ base_url, allow_private: ['0.0.0.0/0', '::/0'] })
      expect(await connection.write(call(), {})).toMatchObject({
        kind: 'misconfigured',
        message: expect.stringMatching(
          /hands out credentials of the machine, and is never called\.$/,
        ),
      })
    },
  )
})

describe('safeConnect', () => {
  async function listening() {
    const sockets: Socket[] = []
    const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('not listening on a port')
    return { port: address.port, sockets }
  }

  test('gives a socket to where the guard lets it', async () => {
    const { port } = await listening()
    const guard = openGuard(LOOPBACK, scripted(['127.0.0.1']).resolve)
    const socket = safeConnect({ host: 'shop.test', port, tls: null }, guard)
    await once(socket, 'connect')
    expect(socket.remoteAddress).toBe('127.0.0.1')
    socket.destroy()
  })

  test.each(['127.0.0.1', 'shop.test'])('fails for %s where it is not allowed', async (host) => {
    const { port, sockets } = await listening()
    const guard = openGuard([], scripted(['127.0.0.1']).resolve)
    const socket = safeConnect({ host, port, tls: null }, guard)
    const [error] = await once(socket, 'error')
    expect(error).toBeInstanceOf(AddressNotAllowed)
    expect(socket.destroyed).toBe(true)
    expect(sockets).toEqual([])
  })

  test('judges where a socket has ended up', () => {
    const guard = openGuard()
    const stray = guard.checkConnected({ remoteAddress: '10.0.0.1' } as Socket)
    expect(stray).toBeInstanceOf(AddressNotAllowed)
    expect(guard.checkConnected({ remoteAddress: '8.8.8.8' } as Socket)).toBeNull()
    expect(guard.checkConnected({} as Socket)).toBeInstanceOf(AddressNotAllowed)
  })

  describe('lets go of a socket that has ended up elsewhere', () => {
    /** Lets a connection begin, and does not allow where it ends. */
    const guard = {
      ...openGuard(LOOPBACK, scripted(['127.0.0.1']).resolve),
      checkConnected: openGuard().checkConnected,
    }

    test('of its own', async () => {
      const { port } = await listening()
      const socket = safeConnect({ host: 'shop.test', port, tls: null }, guard)
      const [error] = await once(socket, 'error')
      expect(error).toBeInstanceOf(AddressNotAllowed)
      expect(socket.destroyed).toBe(true)
    })

    test('of a pool', async () => {
      const { port, sockets } = await listening()
      const target = { hostname: 'shop.test', port: String(port), protocol: 'http:' }
      const [error, socket] = await new Promise<readonly unknown[]>((resolve) => {
        safeConnector(guard, {})(target, (...ending) => resolve(ending))
      })
      expect(error).toBeInstanceOf(AddressNotAllowed)
      expect(socket).toBeNull()
      await vi.waitFor(() => expect(sockets.every(({ closed }) => closed)).toBe(true))
    })
  })
})
