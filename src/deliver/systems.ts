import { type AnswerPolicy, USUAL_ANSWERS } from '../core/answers.ts'
import type { BreakerPolicy } from '../core/breaker.ts'
import type { Limits } from '../core/limits.ts'
import { DEFAULT_RETRY, type RetryPolicy } from '../core/retry.ts'
import { DEFAULT_TIMEOUT_MS, type SystemEntry } from '../core/system.ts'
import type { DurationMs, Random } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import { textsByReference } from './by-reference.ts'
import type { Connection, Kind } from './kind.ts'

/** A system that can be called. */
export interface System {
  readonly name: string
  readonly kind: string
  readonly limits: Limits
  readonly retry: RetryPolicy
  readonly answers: AnswerPolicy
  readonly timeout: DurationMs
  /** How many mappings one call may hold. */
  readonly together: number
  /** Records can be read from it. */
  readonly readable: boolean
  readonly breaker?: BreakerPolicy
  readonly connection: Connection
}

/** All the systems a request may name. */
export interface Systems {
  /** `demo`: there is no systems file, and every name stands for a simulated system. */
  readonly mode: 'demo' | 'configured'
  /** In the order of the file; empty in demo mode. */
  readonly names: readonly string[]
  /** Null where the name is unknown. */
  get(name: string): System | null
  /** Ends every connection that is idle. Nothing may be called afterwards. */
  close(): Promise<void>
}

export interface SystemPorts {
  readonly clock: Clock
  readonly random: Random
}

/** Connects the systems of the systems file; none of them is called yet. */
export function openSystems(
  entries: readonly SystemEntry[],
  kinds: readonly Kind[],
  ports: SystemPorts,
): Systems {
  const systems = new Map(entries.map((entry) => [entry.name, open(entry, kindOf(entry), ports)]))

  function kindOf(entry: SystemEntry): Kind {
    const kind = kinds.find(({ name }) => name === entry.kind)
    if (kind === undefined)
      throw new Error(`No kind ${entry.kind}: the systems file was not checked`)
    return kind
  }

  return {
    mode: 'configured',
    names: [...systems.keys()],
    get: (name) => systems.get(name) ?? null,
    close: () => closeAll(systems.values()),
  }
}

/**
 * How many made-up systems are kept. The oldest goes first; it holds nothing that must be let go of,
 * and is made again when it is named.
 */
const DEMO_SYSTEMS_MAX = 10_000

/** Any name stands for a system of this kind, made when it is first asked for. */
export function openDemoSystems(kind: Kind, concurrency: number, ports: SystemPorts): Systems {
  const systems = new Map<string, System>()

  function make(name: string): System {
    const [oldest] = systems.keys()
    if (oldest !== undefined && systems.size >= DEMO_SYSTEMS_MAX) systems.delete(oldest)
    const limits = { concurrency, rate: null }
    const common = {
      timeout: DEFAULT_TIMEOUT_MS,
      retry: DEFAULT_RETRY,
      answers: USUAL_ANSWERS,
      config: {},
      shown: {},
    }
    const system = open({ name, kind: kind.name, limits, ...common }, kind, ports)
    systems.set(name, system)
    return system
  }

  return {
    mode: 'demo',
    names: [],
    get: (name) => systems.get(name) ?? make(name),
    close: () => closeAll(systems.values()),
  }
}

function open(entry: SystemEntry, kind: Kind, { clock, random }: SystemPorts): System {
  const { name, limits, timeout, retry, answers, breaker } = entry
  // The kind's own schema accepted it; a list of kinds cannot know which config each of them takes.
  const config = entry.config as never
  const { concurrency } = limits
  const secrets = textsByReference(entry.config, entry.shown)
  const context = { name, config, secrets, timeout, concurrency, clock, random }
  const connection = kind.connect(context)
  const together = connection.bulk?.max ?? 1
  const readable = connection.read !== null
  const rules = { limits, retry, answers, ...(breaker && { breaker }), together, readable }
  return { name, kind: kind.name, ...rules, timeout, connection }
}

async function closeAll(systems: Iterable<System>): Promise<void> {
  await Promise.all([...systems].map(({ connection }) => connection.close()))
}
