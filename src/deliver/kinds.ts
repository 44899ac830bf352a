import type { SystemEntry } from '../core/system.ts'
import type { Kind } from './kind.ts'
import { amqp } from './kinds/amqp.ts'
import { file } from './kinds/file.ts'
import { http } from './kinds/http.ts'
import { mongodb } from './kinds/mongodb.ts'
import { postgres } from './kinds/postgres.ts'
import { redis } from './kinds/redis.ts'
import { type SimulatedDefaults, simulated } from './kinds/simulated.ts'
import { type LoadedKind, loadKinds } from './load-kinds.ts'
import type { Previewable } from './preview.ts'
import { guarded } from './preview-guard.ts'
import { openSystems, type SystemPorts, type Systems } from './systems.ts'

/** What kinds take from the settings, and from Sluice itself. */
export interface KindSettings {
  readonly simulated: SimulatedDefaults
  /** How Sluice names itself to HTTP systems, as `sluice/1.2.3`. */
  readonly userAgent: string
  /** Of the systems file: where kinds of one's own are. */
  readonly directory: string
}

/** Every kind of system that Sluice brings along, in the order in which people are told of them. */
export function builtInKinds(settings: KindSettings): readonly Kind[] {
  return [
    http(settings.userAgent),
    ...[postgres, mongodb, redis, amqp, file],
    simulated(settings.simulated),
  ]
}

/** The built-in kinds, and from their files those of `names` that are paths. */
export async function kindsFor(
  names: readonly string[],
  settings: KindSettings,
): Promise<readonly LoadedKind[]> {
  return [...builtInKinds(settings), ...(await loadKinds(names, settings.directory))]
}

/** Connects the systems of a systems file that was checked, each by its kind; none is called yet. */
export async function connectSystems(
  entries: readonly SystemEntry[],
  settings: KindSettings,
  ports: SystemPorts,
): Promise<Systems> {
  return openSystems(entries, await usableKinds(entries, settings), ports)
}

/** The same systems as far as they can be told of without calling them; nothing stays connected. */
export async function previewSystems(
  entries: readonly SystemEntry[],
  settings: KindSettings,
  ports: SystemPorts,
): Promise<ReadonlyMap<string, Previewable>> {
  const kinds = await usableKinds(entries, settings)
  // Only a connection knows what can be done with it, and to make one touches no network.
  const connected = openSystems(entries, kinds, ports)
  const previews = entries.map(({ name, kind: kindName, shown }) => {
    const kind = kinds.find(({ name }) => name === kindName)
    // It is like a config that its kind's schema accepted, but for what is masked.
    const config = shown as never
    const open = kind?.preview
    const preview = open === undefined ? null : guarded(() => open({ name, config }))
    const { readable = false, together = 1 } = connected.get(name) ?? {}
    return [name, { preview, readable, together }] as const
  })
  await connected.close()
  return new Map(previews)
}

/** Any name as a simulated system. */
export function previewDemo(settings: KindSettings): Previewable {
  const preview = simulated(settings.simulated).preview?.({ name: 'demo', config: {} }) ?? null
  return { preview, readable: false, together: 1 }
}

async function usableKinds(
  entries: readonly SystemEntry[],
  settings: KindSettings,
): Promise<readonly Kind[]> {
  const kinds = await kindsFor(
    entries.map(({ kind }) => kind),
    settings,
  )
  return kinds.filter((kind) => 'connect' in kind)
}
