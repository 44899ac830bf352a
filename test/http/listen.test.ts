import dns from 'node:dns'
import { expect, test, vi } from 'vitest'
import { whyNotListening } from '../../src/http/listen.ts'
import { openServer } from './server.ts'

test.each([
  ['EADDRINUSE', 'Port 80 is taken on example.test; choose another with PORT.'],
  ['EACCES', 'Port 80 is not for this user to open; choose one above 1023 with PORT.'],
  ['EADDRNOTAVAIL', /^This machine does not have the address example\.test; .+ with HOST\.$/],
  ['ENOTFOUND', /^The host name example\.test is unknown; .+ with HOST\.$/],
  ['EAI_AGAIN', /^The host name example\.test is unknown; .+ with HOST\.$/],
  ['EMFILE', 'Port 80 on example.test cannot be opened: it failed.'],
])('a server that cannot listen because of %s says what to change', (code, says) => {
  const error = Object.assign(new Error('it failed'), { code })
  expect(whyNotListening(error, { host: 'example.test', port: 80 })).toMatch(says)
})

test('a port that is taken is told', async () => {
  const url = new URL(await (await openServer()).server.listen())
  const { server } = await openServer({ port: Number(url.port) })
  await expect(server.listen()).rejects.toThrow(`Port ${url.port} is taken on 127.0.0.1`)
})

test('a name of several addresses stands for one: a second server would know of no limit and no drain', async () => {
  const lookup = vi.spyOn(dns, 'lookup')
  const { server } = await openServer({ host: 'localhost' })
  expect(await server.listen()).toMatch(/^http:\/\/(?:127\.0\.0\.1|\[::1\]):/)
  // This is how Fastify would find the others.
  expect(lookup).not.toHaveBeenCalledWith('localhost', { all: true }, expect.anything())
})
