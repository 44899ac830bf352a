import Type, { type Static } from 'typebox'
import { BaseUrl, HeaderName, HeaderValue, Printable } from './forms.ts'
import { fixedPairs, type Query } from './path.ts'

/** How the systems file says who we are. */
export const Auth = Type.Union([
  Type.Object({ type: Type.Literal('bearer'), token: Printable }),
  Type.Object({
    type: Type.Literal('basic'),
    username: Type.Refine(
      Type.String(),
      (text) => /^[^:\p{Cc}]{0,1024}$/u.test(text),
      () => 'must be without a colon or control characters',
    ),
    password: Type.Refine(
      Type.String(),
      (text) => /^\P{Cc}{0,1024}$/u.test(text),
      () => 'must be without control characters',
    ),
  }),
  Type.Object({ type: Type.Literal('header'), name: HeaderName, value: HeaderValue }),
  Type.Object({
    type: Type.Literal('oauth2_client_credentials'),
    token_url: BaseUrl,
    client_id: Printable,
    client_secret: Printable,
    scope: Type.Optional(HeaderValue),
    audience: Type.Optional(HeaderValue),
    /** Where the token endpoint looks for the id and the secret: as Basic, or in the form. */
    credentials_in: Type.Optional(Type.Enum(['header', 'body'])),
  }),
])

export type Auth = Static<typeof Auth>
export type OAuth = Extract<Auth, { type: 'oauth2_client_credentials' }>

/** The header that says who we are; none where a token is asked for first. */
export function authHeader(auth: Auth): Readonly<Record<string, string>> {
  switch (auth.type) {
    case 'bearer':
      return { authorization: `Bearer ${auth.token}` }
    case 'basic':
      return { authorization: basic(auth.username, auth.password) }
    case 'header':
      return { [auth.name]: auth.value }
    case 'oauth2_client_credentials':
      return {}
  }
}

/** The credentials of RFC 7617, in UTF-8. */
function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

interface SecretSource {
  readonly path?: string
  readonly query?: Query
  readonly headers?: Readonly<Record<string, string>>
}

interface SecretSources extends SecretSource {
  readonly auth?: Auth
  readonly read?: SecretSource
  readonly write?: SecretSource
  readonly bulk?: SecretSource
}

/**
 * The values that may be secret and that a target could send back to us. Those of a query with their names,
 * as in an address: alone they may be any word.
 */
export function secretsOf({ auth, ...config }: SecretSources): readonly string[] {
  const sources = [config, config.read, config.write, config.bulk]
  const values = sources.flatMap(({ path = '', query, headers = {} }: SecretSource = {}) => [
    ...Object.values(headers),
    ...fixedPairs(path, query),
  ])
  if (auth?.type === 'bearer') values.push(auth.token)
  if (auth?.type === 'basic')
    values.push(auth.password, encodedOf(basic(auth.username, auth.password)))
  if (auth?.type === 'header') values.push(auth.value)
  if (auth?.type === 'oauth2_client_credentials') values.push(...secretsOfClient(auth))
  return values
}

/** The secret of a client, in each form in which it is sent. */
export function secretsOfClient({ client_secret, ...auth }: OAuth): readonly string[] {
  const inForm = encodeURIComponent(client_secret)
  return [client_secret, inForm, encodedOf(basicOfClient({ client_secret, ...auth }))]
}

/** RFC 6749 section 2.3.1 wants both encoded as in a form, before they are put together. */
export function basicOfClient({ client_id, client_secret }: OAuth): string {
  return basic(encodeURIComponent(client_id), encodeURIComponent(client_secret))
}

/** What of the credentials nobody else says. */
function encodedOf(credentials: string): string {
  return credentials.slice('Basic '.length)
}
