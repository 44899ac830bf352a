/** A receiver that is told when a request is finished, rather than asking again and again. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Sluice } from 'sluice/client'
import { startSluice } from '../support/sluice.ts'
import { createReceiver, type Told } from './receiver.ts'

const secret = `whsec_${randomBytes(32).toString('base64')}`
const told = Promise.withResolvers<Told>()

const receiver = createReceiver(secret, told.resolve).listen(0, '127.0.0.1')
await once(receiver, 'listening')
const address = receiver.address()
if (address === null || typeof address === 'string') throw new Error('not listening on a port')

const running = await startSluice(fileURLToPath(new URL('systems.yaml', import.meta.url)), {
  SLUICE_CALLBACK_SECRETS: secret,
  SLUICE_CALLBACK_ALLOW_PRIVATE: '127.0.0.0/8', // the example's receiver is on this machine
})
try {
  const sluice = new Sluice({ baseUrl: running.url })
  const { request_id } = await sluice.submit({
    mappings: ['ada', 'grace', 'nobody'].map((id) => ({ id, source: 'crm', target: 'newsletter' })),
    callback_url: `http://127.0.0.1:${address.port}/sluice`,
  })
  console.log(`Accepted ${request_id}; now for something else.`)
  const { type, data } = await told.promise
  console.log(`${type}: ${data.failed_mappings} of the mappings of ${data.request_id} failed.`)
} finally {
  await running.stop()
  receiver.closeAllConnections()
  receiver.close()
}
