/** A CRM to a newsletter, over HTTP: each contact is read, shaped by an expression, and written. */
import { readFile } from 'node:fs/promises'
import { startApi } from '../support/server.ts'
import { walk } from '../support/walk.ts'

const TOKEN = 'only-an-example'

const CONTACTS = new Map<string | undefined, object>([
  ['ada', { first: 'Ada', last: 'Lovelace', email: 'ADA@Example.com' }],
  ['grace', { first: 'Grace', last: 'Hopper', email: 'Grace@EXAMPLE.com' }],
])
const subscribers = new Map<string | undefined, unknown>()

/** Both systems; yours are out there somewhere. */
const api = await startApi(({ method, url = '', headers }, body) => {
  if (headers.authorization !== `Bearer ${TOKEN}`) return { status: 401, body: null }
  const [system, , id] = url.split('/').slice(1)
  if (method === 'PUT' && system === 'newsletter') {
    subscribers.set(id, body)
    return { status: 200, body: { subscribed: true } }
  }
  const contact = CONTACTS.get(id)
  return contact === undefined
    ? { status: 404, body: { message: 'no such contact' } }
    : { status: 200, body: contact }
})

try {
  const request = await readFile(new URL('request.json', import.meta.url), 'utf8')
  const env = { EXAMPLE_URL: api.url, EXAMPLE_TOKEN: TOKEN }
  await walk(new URL('systems.yaml', import.meta.url), request, env)
  for (const [id, subscriber] of subscribers) console.log(`${id}: ${JSON.stringify(subscriber)}`)
} finally {
  api.stop()
}
