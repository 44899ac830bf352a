import { describe, expect, test } from 'vitest'
import { addressFault, parseRange, type Range } from '../../src/deliver/connect/addresses.ts'

const NONE: readonly Range[] = []
const EVERYTHING = ranges('0.0.0.0/0', '::/0')

function ranges(...texts: readonly string[]): readonly Range[] {
  return texts.map(parseRange).filter((range) => range !== null)
}

describe('the public internet may be called', () => {
  test.each([
    ...['1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0'],
    ...['126.255.255.255', '128.0.0.0', '169.253.255.255', '169.255.0.0', '172.15.255.255'],
    ...['172.32.0.0', '192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0'],
    ...['223.255.255.255', '2606:4700:4700::1111', '2a00:1450:4001::1', '2001:4860:4860::8888'],
    ...['::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '2002:808:808::1'],
  ])('%s', (address) => {
    expect(addressFault(address, NONE)).toBeNull()
  })
})

describe('what is not of the public internet may be called only where it is allowed', () => {
  test.each([
    ...['127.0.0.1', '127.255.255.254', '10.0.0.1', '10.255.255.255', '172.16.0.1'],
    ...['172.31.255.255', '192.168.0.1', '192.168.255.255', '169.254.0.1', '169.254.255.255'],
    ...['100.64.0.1', '100.127.255.255', '0.0.0.0', '0.1.2.3', '192.0.0.1', '192.0.2.1'],
    ...['198.18.0.1', '198.19.255.255', '198.51.100.1', '203.0.113.1', '224.0.0.1'],
    ...['239.255.255.255', '240.0.0.1', '255.255.255.255', '192.88.99.1'],
    ...['::', '::1', 'fe80::1', 'fe80::1%eth0', 'febf::1', 'fc00::1', 'fd12:3456::1', 'fec0::1'],
    ...['ff02::1', '100::1', '2001::1', '2001:db8::1', '2001:2::1', '3fff::1', '5f00::1'],
    ...['64:ff9b:1::1', '2001:10::1'],
  ])('%s', (address) => {
    expect(addressFault(address, NONE)).toBe('private')
    expect(addressFault(address, EVERYTHING)).toBeNull()
  })
})

describe('an IPv4 address within an IPv6 address is what counts', () => {
  test.each([
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:7f00:1', '::127.0.0.1', '::7f00:1'],
    ...['::ffff:0:127.0.0.1', '64:ff9b::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::'],
    ...['2002:7f00:1:dead:beef::1'],
  ])('%s', (address) => {
    expect(addressFault(address, NONE)).toBe('private')
    expect(addressFault(address, ranges('127.0.0.0/8'))).toBeNull()
    expect(addressFault(address, ranges('::/0'))).toBe('private')
  })
})

describe('what hands out credentials of the machine may never be called', () => {
  test.each([
    ...['169.254.169.254', '169.254.170.2', '169.254.170.23', '100.100.100.200'],
    ...['168.63.129.16', '192.0.0.192', 'fd00:ec2::254', 'FD00:0EC2:0:0:0:0:0:254', 'fd20:ce::254'],
    ...['::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '64:ff9b::169.254.169.254', '::a9fe:a9fe'],
    ...['2002:a9fe:a9fe::', '::ffff:0:169.254.169.254', '::ffff:168.63.129.16'],
  ])('%s', (address) => {
    expect(addressFault(address, NONE)).toBe('metadata')
    expect(addressFault(address, EVERYTHING)).toBe('metadata')
  })
})

test.each(['', 'localhost', '127.1', '0x7f.0.0.1', '2130706433', '1.2.3.4.5', ':::', '1.2.3.4/8'])(
  'what is no address in its usual form, %j, may not be called',
  (text) => {
    expect(addressFault(text, EVERYTHING)).toBe('private')
  },
)

test('an allowed range allows what it covers, and nothing beside it', () => {
  const allowed = ranges('10.1.0.0/16', 'fd00:1::/32')
  expect(addressFault('10.1.255.255', allowed)).toBeNull()
  expect(addressFault('10.2.0.0', allowed)).toBe('private')
  expect(addressFault('fd00:1:ffff::1', allowed)).toBeNull()
  expect(addressFault('fd00:2::1', allowed)).toBe('private')
})

test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0/8', 'ten/8', '::/129', '10.0.0.0/8 ', '/8', ''])(
  '%j is no range',
  (text) => {
    expect(parseRange(text)).toBeNull()
  },
)
