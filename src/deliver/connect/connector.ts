import { buildConnector } from 'undici'
import type { Guard } from './guard.ts'

/** How an undici pool connects. */
export type Connector = buildConnector.connector

/** Makes the connections of a pool where the guard lets it, and nowhere else. */
export function safeConnector(guard: Guard, options: buildConnector.BuildOptions): Connector {
  const connect = buildConnector({ ...options, lookup: guard.lookup })
  return (target, callback) => {
    const refused = guard.check(target.hostname)
    if (refused !== null) {
      queueMicrotask(() => callback(refused, null))
      return
    }
    connect(target, (...[error, socket]) => {
      if (error !== null) {
        callback(error, null)
        return
      }
      const strayed = guard.checkConnected(socket)
      if (strayed === null) {
        callback(null, socket)
        return
      }
      socket.destroy()
      callback(strayed, null)
    })
  }
}
