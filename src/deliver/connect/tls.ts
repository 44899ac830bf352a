import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
} from 'node:tls'
import Type, { type Static } from 'typebox'

/** TLS beyond the authorities that everyone trusts. The certificate is always checked. */
export const Tls = Type.Refine(
  Type.Object({
    /** Who signs the target's certificate, in the place of those that everyone trusts. */
    ca: Type.Optional(Type.String()),
    cert: Type.Optional(Type.String()),
    key: Type.Optional(Type.String()),
    /** The name in the target's certificate, where it is not the host in its URL. */
    server_name: Type.Optional(
      Type.Refine(
        Type.String(),
        (text) => /^[\w.-]{1,253}$/.test(text) && isIP(text) === 0,
        () => 'must be a host name',
      ),
    ),
  }),
  ({ ca, cert, key }) => isIdentity(ca, cert, key),
  () => 'must hold PEM texts: ca, or a cert with the key that belongs to it, or all three',
)

function isIdentity(ca?: string, cert?: string, key?: string): boolean {
  try {
    if (ca !== undefined) new X509Certificate(ca)
    createSecureContext({ ca, cert, key })
    return (cert === undefined) === (key === undefined)
  } catch {
    return false
  }
}

/** What Node is told of it. */
export function tlsOptions(tls: Static<typeof Tls> = {}): ConnectionOptions {
  const { server_name: servername, ...others } = tls
  if (servername === undefined) return others
  // Some drivers put the host in the place of the name; the certificate is still judged by the name.
  const judge = (_: string, certificate: PeerCertificate) =>
    checkServerIdentity(servername, certificate)
  return { ...others, servername, checkServerIdentity: judge }
}
