import { expect, test } from 'vitest'
import { quotaIn, withLearned } from '../../src/deliver/kinds/http/rate-headers.ts'
import { NOW } from '../support/requests.ts'

const AT_30S = NOW + 30_000

test.each([
  [
    'RateLimit, with its policy',
    { ratelimit: '"default";r=50;t=30', 'ratelimit-policy': '"default";q=100;w=60' },
    { limit: 100, window: 60_000, remaining: 50, resetsAt: AT_30S },
  ],
  [
    'the tightest of several, with the policy of its name',
    {
      ratelimit: '"day";r=900;t=8000, "burst";r=0;t=30',
      'ratelimit-policy': '"day";q=1000;w=86400,"burst";q=10;w=60',
    },
    { limit: 10, window: 60_000, remaining: 0, resetsAt: AT_30S },
  ],
  [
    'RateLimit without a reset or a policy',
    { ratelimit: '"default";r=50' },
    { limit: null, window: null, remaining: 50, resetsAt: null },
  ],
  [
    'RateLimit of an older draft',
    { ratelimit: 'limit=100, remaining=50, reset=30' },
    { limit: 100, window: null, remaining: 50, resetsAt: AT_30S },
  ],
  [
    'X-RateLimit with seconds from now',
    { 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '50', 'x-ratelimit-reset': '30' },
    { limit: 100, window: null, remaining: 50, resetsAt: AT_30S },
  ],
  [
    'X-RateLimit with a moment in seconds',
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': `${AT_30S / 1000}` },
    { limit: null, window: null, remaining: 0, resetsAt: AT_30S },
  ],
  [
    'X-Rate-Limit with a moment in milliseconds',
    { 'x-rate-limit-remaining': '7', 'x-rate-limit-reset': `${AT_30S}` },
    { limit: null, window: null, remaining: 7, resetsAt: AT_30S },
  ],
  [
    'RateLimit-Remaining of the first draft',
    { 'ratelimit-limit': '10', 'ratelimit-remaining': '7', 'ratelimit-reset': '30' },
    { limit: 10, window: null, remaining: 7, resetsAt: AT_30S },
  ],
] as const)('reads %s', (_, headers, quota) => {
  expect(quotaIn(headers, NOW)).toEqual(quota)
})

test.each([
  {},
  { ratelimit: '' },
  { ratelimit: 'x'.repeat(10_000) },
  { ratelimit: '"default";r=-1;t=30' },
  { ratelimit: '"default";r=1e9' },
  { 'x-ratelimit-remaining': 'many' },
  { 'x-ratelimit-remaining': '-1' },
  { 'x-ratelimit-remaining': '0x10' },
  { 'x-ratelimit-limit': '100' },
])('makes nothing of %j', (headers) => {
  expect(quotaIn(headers, NOW)).toBeNull()
})

test('leaves an answer as it is that says nothing of a limit', () => {
  const answer = { kind: 'delivered' }
  expect(withLearned(answer, {}, NOW)).toBe(answer)
  expect(withLearned(answer, { 'x-ratelimit-remaining': '1' }, NOW)).toMatchObject({
    kind: 'delivered',
    learned: { remaining: 1 },
  })
})
