import Type from 'typebox'

/** Where a server is, and who we are to it. */
export interface Address {
  readonly tls: boolean
  /** Without the brackets of an IPv6 address. */
  readonly host: string
  readonly port: number
  /** Empty where nobody is named. */
  readonly user: string
  readonly password: string
  /** What comes after the first slash; empty where there is nothing. */
  readonly path: string
}

/**
 * Where a server is: a URL of one of these schemes, with a host and nothing after its path. Who we are
 * is in it, or beside it, where no character means anything else.
 */
export function addressProperties(...schemes: readonly string[]) {
  const known = schemes.map((scheme) => `${scheme}://`)
  return {
    url: Type.Refine(
      Type.Unsafe<string>({}),
      (text) =>
        typeof text === 'string' &&
        known.some((start) => text.startsWith(start)) &&
        readUrl(text) !== null,
      () => `must be a URL such as ${known[0]}user:password@host, with nothing after its path`,
    ),
    username: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
    password: Type.Optional(Type.String({ maxLength: 8192 })),
  }
}

interface AddressConfig {
  readonly url: string
  readonly username?: string
  readonly password?: string
}

/**
 * The address in a config that its schema accepted.
 *
 * @param port where the URL names none
 */
export function addressOf({ url, username, password }: AddressConfig, port: number): Address {
  const read = readUrl(url)
  if (read === null) throw new Error('the address was not checked')
  return {
    ...read,
    port: read.port ?? port,
    user: username ?? read.user,
    password: password ?? read.password,
  }
}

/** Null where it is no URL, or has a query or a fragment. */
function readUrl(text: string): (Omit<Address, 'port'> & { readonly port: number | null }) | null {
  const url = URL.parse(text)
  if (url === null || url.hostname === '' || /[?#]/.test(text) || url.port === '0') return null
  try {
    return {
      tls: url.protocol === 'rediss:' || url.protocol === 'amqps:',
      host: decodeURIComponent(url.hostname).replace(/^\[|\]$/g, ''),
      port: url.port === '' ? null : Number(url.port),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      path: decodeURIComponent(url.pathname.slice(1)),
    }
  } catch {
    return null
  }
}
