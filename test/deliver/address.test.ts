/** What the systems file may say of where a server is, and what is made of it. */
import { expect, test } from 'vitest'
import { readSystems } from '../../src/config/systems.ts'
import { addressOf } from '../../src/deliver/kinds/address.ts'
import { redis } from '../../src/deliver/kinds/redis.ts'

/** What is wrong with a Redis at this address. */
function problems(url: string): readonly string[] {
  const text = `systems:\n  r:\n    kind: redis\n    stream: s\n    url: ${JSON.stringify(url)}\n`
  const readFile = () => ''
  const rest = { fileName: 'systems.yaml', kinds: [redis], concurrency: 1, env: {}, readFile }
  const result = readSystems({ text, ...rest })
  return result.ok ? [] : result.problems.map(({ message }) => message)
}

test.each(['redis://r.example', 'rediss://u:p@r.example:6380/', 'redis://[::1]:6379'])(
  '%s is an address',
  (url) => {
    expect(problems(url)).toEqual([])
  },
)

test.each([
  'http://r.example',
  'redis://',
  'redis://r.example:0',
  'redis://r.example?db=1',
  'redis://r.example/#part',
  'redis://%ff@r.example',
])('%s is refused, and not repeated', (url) => {
  const must = 'must be a URL such as redis://user:password@host, with nothing after its path'
  expect(problems(url)).toEqual([`systems.r.url ${must}`])
})

test('an address is read with its escapes, and what is said beside it goes before', () => {
  const url = 'amqps://me:p%40ss@[::1]/v%2Fhost'
  const read = { tls: true, host: '::1', port: 5671, user: 'me', password: 'p@ss', path: 'v/host' }
  expect(addressOf({ url }, 5671)).toEqual(read)
  expect(addressOf({ url: url.replace('/v', ':99/v'), username: 'u', password: '' }, 5671)).toEqual(
    { ...read, port: 99, user: 'u', password: '' },
  )
})
