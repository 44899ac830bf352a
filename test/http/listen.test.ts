import { expect, test } from 'vitest'
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
