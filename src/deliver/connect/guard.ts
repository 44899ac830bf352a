import { promises as dns, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction, type Socket } from 'node:net'
import Type from 'typebox'
import { addressFault, parseRange } from './addresses.ts'

/** The part of a system's config that says which addresses beyond the public internet are its own. */
export const AllowPrivate = Type.Refine(
  Type.Array(Type.String(), { maxItems: 100 }),
  (ranges) => ranges.every((range) => parseRange(range) !== null),
  () => 'must be a list of address ranges, such as [10.0.0.0/8, fd00::/8]',
)

/** All addresses of a host; rejects where there are none. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>

/** As the machine itself resolves names: its hosts file, its search domains, its DNS. */
const systemResolve: Resolve = (host) => dns.lookup(host, { all: true })

/** What a connection fails with that may not be made. Its message is for the operator. */
export class AddressNotAllowed extends Error {
  readonly code = 'ERR_ADDRESS_NOT_ALLOWED'
}

/** Says which addresses a system may be reached at. */
export interface Guard {
  /** Judges a host that is an address itself, which is never looked up; null where it is fine. */
  check(host: string): AddressNotAllowed | null
  /**
   * Looks a name up for `net.connect` or `tls.connect`, which then connect to what it gives, without
   * asking again. One bad address among many fails them all.
   */
  readonly lookup: LookupFunction
  /** Judges where a socket has ended up. */
  checkConnected(socket: Socket): AddressNotAllowed | null
}

/** A guard that lets through the public internet, and what `allowPrivate` lists. */
export function openGuard(
  allowPrivate: readonly string[] = [],
  resolve: Resolve = systemResolve,
): Guard {
  const allowed = allowPrivate.map(parseRange).filter((range) => range !== null)

  function judge(address: string, host: string): AddressNotAllowed | null {
    const fault = addressFault(address, allowed)
    if (fault === null) return null
    const name = address === host ? address : `${host} is at ${address}, which`
    return new AddressNotAllowed(`${name} ${REASONS[fault](address)}`)
  }

  async function resolveAllowed(host: string): Promise<readonly LookupAddress[]> {
    const found = await resolve(host)
    for (const { address } of found) {
      const refused = judge(address, host)
      if (refused !== null) throw refused
    }
    return found
  }

  return {
    check: (host) => (isIP(host) === 0 ? null : judge(host, host)),
    lookup: (host, { all, family }, callback) => {
      resolveAllowed(host).then(
        (found) => {
          const wanted = found.filter((one) => !family || one.family === familyNumber(family))
          const [first] = wanted
          if (first === undefined) callback(noAddress(host), [])
          else if (all) callback(null, wanted)
          else callback(null, first.address, first.family)
        },
        (error: NodeJS.ErrnoException) => callback(error, []),
      )
    },
    checkConnected: ({ remoteAddress: address = 'an unknown address' }) => judge(address, address),
  }
}

const REASONS = {
  metadata: () => 'hands out credentials of the machine, and is never called.',
  private: (address: string) =>
    'is not of the public internet. If it is meant, say so in the systems file: ' +
    `allow_private: [${address}/${isIP(address) === 6 ? 128 : 32}].`,
} as const

function familyNumber(family: number | 'IPv4' | 'IPv6'): number {
  if (typeof family === 'number') return family
  return family === 'IPv6' ? 6 : 4
}

function noAddress(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' })
}
