/** Speaks to servers that take a line of text and answer `ok` or `no: <why>`. */
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { defineKind, Type } from 'sluice/kind'

export default defineKind({
  // What an entry of the systems file may hold, beyond what every system has. From the environment
  // everything comes as text.
  config: Type.Object({
    port: Type.String({ pattern: '^\\d{1,5}$' }),
    greeting: Type.String({ minLength: 1 }),
  }),

  connect({ config: { port, greeting } }) {
    return {
      // The signal is aborted at the system's timeout, and when Sluice stops. What throws is tried
      // again, so nothing need be caught.
      async write({ signal, idempotencyKey }, payload) {
        const socket = connect({ host: '127.0.0.1', port: Number(port), signal })
        try {
          socket.write(`${greeting} ${idempotencyKey} ${JSON.stringify(payload)}\n`)
          for await (const line of createInterface(socket)) {
            if (line === 'ok') return { kind: 'delivered', result: line }
            return { kind: 'declined', stage: 'write', manner: 'rejected', message: line }
          }
          throw new Error('the server said nothing')
        } finally {
          socket.destroy()
        }
      },
    }
  },
})
