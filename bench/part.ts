import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { run } from './leftovers.ts'

/** No bench needs longer for one thing; whoever is silent for two minutes has got stuck. */
const SILENCE_MS_MAX = 120_000

/** A process of ours beside the server: a target, a load, a reference. `parts/` holds them. */
export interface Part<Order, Answer> extends AsyncDisposable {
  /** Where it can be reached, if it is a server; else empty. */
  readonly url: string
  /** Gives an order, and its answer. One at a time. */
  ask(order: Order): Promise<Answer>
  /** What it tells next, asked or not. */
  next(): Promise<Answer>
}

/** Starts `parts/<name>.ts`; resolves when it is ready. */
export async function startPart<Order extends object, Answer>(
  name: string,
  ...args: readonly string[]
): Promise<Part<Order, Answer>> {
  const file = fileURLToPath(new URL(`./parts/${name}.ts`, import.meta.url))
  const child = run(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(child, 'exit')
  const ended = exited.then(([code]) => {
    throw new Error(`The part ${name} ended with ${code}.`)
  })
  ended.catch(() => {})

  async function hear<T>(): Promise<T> {
    const signal = AbortSignal.timeout(SILENCE_MS_MAX)
    try {
      const [message] = await Promise.race([once(child, 'message', { signal }), ended])
      return message
    } catch (error) {
      if (signal.aborted) throw new Error(`The part ${name} was silent for two minutes.`)
      throw error
    }
  }

  const url = await hear<string>()
  return {
    url,
    async ask(order) {
      const answer = hear<Answer>()
      child.send(order)
      return await answer
    },
    next: () => hear<Answer>(),
    async [Symbol.asyncDispose]() {
      child.kill()
      await exited
    },
  }
}
