import { describe, expect, test } from 'vitest'
import { addressFault, parseRange } from '../../src/deliver/connect/addresses.ts'
import { checkCallback } from '../../src/intake/callback.ts'

function check(text: string, ...allowed: readonly string[]) {
  const ranges = allowed.map(parseRange).filter((range) => range !== null)
  return checkCallback(text, {
    areSigned: true,
    addressFault: (address) => addressFault(address, ranges),
  })
}

const LONG = 'x'.repeat(2100)

describe('a callback URL', () => {
  test.each([
    ['https://ops.example.com/done', 'https://ops.example.com/done'],
    ['https://ops.example.com', 'https://ops.example.com/'],
    ['http://ops.example.com:80/a?b=c&d', 'http://ops.example.com/a?b=c&d'],
    ['HTTPS://OPS.example.COM:8443/Done', 'https://ops.example.com:8443/Done'],
    ['https://1.1.1.1/', 'https://1.1.1.1/'],
    ['https://[2606:4700::1111]/', 'https://[2606:4700::1111]/'],
    ['https://ops.example.com/%C3%A9?q=%20', 'https://ops.example.com/%C3%A9?q=%20'],
    ['https://localhost.example.com/', 'https://localhost.example.com/'],
    [`https://${'x'.repeat(249)}.com/`, `https://${'x'.repeat(249)}.com/`],
  ])('%s is taken', (text, url) => {
    expect(check(text)).toEqual({ ok: true, url })
  })

  test.each([
    ['is no URL', 'ops.example.com/done', 'http:// or https:// URL'],
    ['is no URL of the web', 'ftp://ops.example.com/', 'http:// or https:// URL'],
    ['is a file', 'file:///etc/passwd', 'http:// or https:// URL'],
    ['has no host', 'https:///done', 'http:// or https:// URL'],
    ['has a host that cannot be', 'https://exa%00mple.com/', 'http:// or https:// URL'],
    ['has a space', 'https://ops.example.com/a b', 'percent-encoded'],
    ['has a line break that would vanish', 'https://ops.example.com/a\nb', 'percent-encoded'],
    [
      'has a backslash that would turn',
      'https://ops.example.com\\@evil.example',
      'percent-encoded',
    ],
    ['is not ASCII', 'https://ops.example.com/é', 'percent-encoded'],
    ['brings credentials', 'https://user:pass@ops.example.com/', 'Leave credentials out'],
    ['brings a user', 'https://user@ops.example.com/', 'Leave credentials out'],
    ['has a fragment', 'https://ops.example.com/#done', 'Leave the fragment out'],
    ['has an empty fragment', 'https://ops.example.com/#', 'Leave the fragment out'],
    ['has no port', 'https://ops.example.com:0/', 'no port 0'],
    ['is longer than it looks', `https://ops.example.com/${'"'.repeat(700)}`, 'at most 2048'],
    ['is too long', `https://ops.example.com/${LONG}`, 'at most 2048'],
    ['has a host that is too long', `https://${'x'.repeat(250)}.com/`, 'its host 253'],
  ])('that %s is refused', (_, text, says) => {
    const detail = expect.stringContaining(says)
    expect(check(text)).toEqual({ ok: false, code: 'forbidden_url', detail })
  })

  test.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://0x7f000001/',
    'http://2130706433/',
    'http://[::1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://10.0.0.1:8080/',
    'http://192.168.1.1/',
    'http://localhost/',
    'http://LOCALHOST./',
    'http://ops.localhost/',
    'http://[fd00::1]/',
    'http://0.0.0.0/',
  ])('on a private address (%s) is refused, and says who can allow it', (text) => {
    expect(check(text)).toMatchObject({
      code: 'forbidden_url',
      detail: expect.stringContaining('SLUICE_CALLBACK_ALLOW_PRIVATE'),
    })
  })

  test('on a private address is taken where the operator allows it', () => {
    expect(check('http://10.1.2.3/', '10.0.0.0/8')).toMatchObject({ ok: true })
    expect(check('http://localhost:81/', '127.0.0.0/8')).toMatchObject({ ok: true })
    expect(check('http://10.1.2.3/', '127.0.0.0/8')).toMatchObject({ ok: false })
  })

  test.each(['http://169.254.169.254/latest/meta-data', 'http://[fd00:ec2::254]/'])(
    'on an address that hands out credentials (%s) is refused whatever is allowed',
    (text) => {
      expect(check(text, '0.0.0.0/0', '::/0')).toMatchObject({
        code: 'forbidden_url',
        detail: 'This address hands out credentials of machines, and is never called.',
      })
    },
  )

  test('is refused where nothing can be signed, and says what to set', () => {
    const policy = { areSigned: false, addressFault: () => null }
    expect(checkCallback('https://ops.example.com/', policy)).toEqual({
      ok: false,
      code: 'callbacks_not_configured',
      detail: expect.stringContaining('SLUICE_CALLBACK_SECRETS'),
    })
  })

  test('is never repeated in what is said of it', () => {
    for (const text of ['http://user:canary@10.0.0.1/', 'http://10.0.0.1/canary', 'canary://x']) {
      expect(JSON.stringify(check(text))).not.toMatch(/canary|10\.0/)
    }
  })
})
