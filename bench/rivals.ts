/** Others that carry out jobs, each with a database of its own on the servers that are there. */
import type { Unmeasured } from './bench.ts'
import { type Part, startPart } from './part.ts'
import type { RivalOrder } from './parts/rival.ts'
import type { Postgres } from './postgres.ts'
import { REDIS_SERVER, startRedis } from './redis.ts'

interface Rival {
  /** Its package, which `parts/rivals/` has a file for. */
  readonly name: string
  readonly keptIn: 'PostgreSQL' | 'Redis'
}

const ALL: readonly Rival[] = [
  { name: 'graphile-worker', keptIn: 'PostgreSQL' },
  { name: 'pg-boss', keptIn: 'PostgreSQL' },
  { name: 'bullmq', keptIn: 'Redis' },
]

/** Those that can be measured here. */
export const RIVALS = ALL.filter((rival) => missing(rival) === null)

/** The others, and why not. */
export const ABSENT: readonly Unmeasured[] = ALL.flatMap((rival) => {
  const because = missing(rival)
  return because === null ? [] : [{ kind: 'unmeasured', what: `beside ${rival.name}`, because }]
})

function missing({ name, keptIn }: Rival): string | null {
  try {
    import.meta.resolve(name)
  } catch {
    return `${name} is not installed: \`npm ci\` in bench/, with Node 24`
  }
  return keptIn === 'Redis' && REDIS_SERVER === null ? 'there is no redis-server here' : null
}

/** Measures a rival, again and again. */
export type Competitor = (order: RivalOrder) => Promise<number>

/**
 * Starts a rival, and what it needs beside PostgreSQL; all of it goes to `leftovers`. Should it get stuck, which
 * some do now and then, it is started anew on an empty database and given the order once more.
 *
 * @returns what gives it an order; it answers with the milliseconds that it took
 */
export async function startRival(
  rival: Rival,
  postgres: Postgres,
  leftovers: AsyncDisposableStack,
): Promise<Competitor> {
  let starts = 0

  async function start(): Promise<Part<RivalOrder, number>> {
    starts += 1
    return leftovers.use(await startPart(`rivals/${rival.name}`, await database()))
  }

  async function database(): Promise<string> {
    if (rival.keptIn === 'PostgreSQL' || REDIS_SERVER === null) {
      return postgres.database(`${rival.name.replaceAll('-', '_')}_${starts}`)
    }
    return leftovers.use(await startRedis(REDIS_SERVER)).url
  }

  let part = await start()
  return async (order) => {
    try {
      return await part.ask(order)
    } catch (error) {
      console.error(error)
      await part[Symbol.asyncDispose]()
      part = await start()
      return await part.ask(order)
    }
  }
}
