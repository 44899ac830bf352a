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

/** Starts one, and what it needs beside PostgreSQL; all of it goes to `leftovers`. */
export async function startRival(
  { name, keptIn }: Rival,
  postgres: Postgres,
  leftovers: AsyncDisposableStack,
): Promise<Part<RivalOrder, number>> {
  const url =
    keptIn === 'Redis' && REDIS_SERVER !== null
      ? leftovers.use(await startRedis(REDIS_SERVER)).url
      : await postgres.database(name.replaceAll('-', '_'))
  return leftovers.use(await startPart<RivalOrder, number>(`rivals/${name}`, url))
}
