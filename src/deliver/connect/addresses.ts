import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** A range of addresses, as `10.0.0.0/8` says it. */
export type Range = readonly [network: Address, bits: number]

/** Reads `10.0.0.0/8` or `fd00::/8`; null for anything else. */
export function parseRange(text: string): Range | null {
  const isRange = ipaddr.IPv4.isValidCIDRFourPartDecimal(text) || ipaddr.IPv6.isValidCIDR(text)
  return isRange && !text.includes('%') ? ipaddr.parseCIDR(text) : null
}

/**
 * Why an address may not be connected to: it hands out a machine's credentials, which nobody can
 * allow; or it is not of the public internet, which `allow_private` can. Null where it may be.
 */
export function addressFault(
  address: string,
  allowed: readonly Range[],
): 'metadata' | 'private' | null {
  const parsed = parse(address)
  // What cannot be read cannot be judged.
  if (parsed === null) return 'private'
  const meant = unwrapped(parsed)
  if (METADATA.has(meant.toString())) return 'metadata'
  if (meant.range() === 'unicast') return null
  return allowed.some((range) => covers(range, meant)) ? null : 'private'
}

/**
 * Where clouds answer a machine's questions about itself, its credentials among them. Azure's
 * 168.63.129.16 is in the middle of the public internet.
 */
const METADATA = new Set(
  [
    ...['169.254.169.254', '169.254.170.2', '169.254.170.23', '169.254.42.42'],
    ...['100.100.100.200', '168.63.129.16', '192.0.0.192'],
    ...['fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254', 'fd00:42::42'],
  ].map((text) => ipaddr.parse(text).toString()),
)

function parse(text: string): Address | null {
  const [address = ''] = text.split('%')
  // The dotted form only: the library reads `0177.1` and a plain number as well.
  const isV4 = ipaddr.IPv4.isValidFourPartDecimal(address)
  return isV4 || ipaddr.IPv6.isValid(address) ? ipaddr.parse(address) : null
}

/** IPv6 prefixes, in bits, whose addresses lead to the IPv4 address that begins at that byte. */
const WRAPPERS: readonly (readonly [prefix: Range, at: number])[] = [
  [ipaddr.parseCIDR('::ffff:0:0/96'), 12],
  [ipaddr.parseCIDR('::ffff:0:0:0/96'), 12],
  [ipaddr.parseCIDR('64:ff9b::/96'), 12],
  [ipaddr.parseCIDR('2002::/16'), 2],
  [ipaddr.parseCIDR('::/96'), 12],
]

/** `::` and `::1` look like IPv4 addresses within IPv6, and are not. */
const THEMSELVES = [ipaddr.parse('::').toString(), ipaddr.parse('::1').toString()]

/** The IPv4 address that a mapped, translated or tunnelled one leads to; else the address itself. */
function unwrapped(address: Address): Address {
  if (address.kind() === 'ipv4' || THEMSELVES.includes(address.toString())) return address
  const [, at] = WRAPPERS.find(([prefix]) => covers(prefix, address)) ?? []
  return at === undefined ? address : ipaddr.fromByteArray(address.toByteArray().slice(at, at + 4))
}

function covers([network, bits]: Range, address: Address): boolean {
  return network.kind() === address.kind() && address.match(network, bits)
}
