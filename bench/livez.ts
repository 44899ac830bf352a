import { setTimeout } from 'node:timers/promises'
import type { Server } from './server.ts'

const ASK_EVERY_MS = 10

/**
 * Asks again and again whether a server lives, until it is told to end.
 *
 * @param latencies gets how many milliseconds each answer took
 */
export function askMeanwhile({ api }: Server, latencies: number[]): { end(): Promise<void> } {
  let isOver = false

  async function ask(): Promise<void> {
    while (!isOver) {
      const askedAt = performance.now()
      if (!(await api.isLive())) throw new Error('The server does not answer.')
      latencies.push(performance.now() - askedAt)
      await setTimeout(ASK_EVERY_MS)
    }
  }

  const asking = ask()
  return {
    end() {
      isOver = true
      return asking
    },
  }
}
