/** The systems that this process knows, from the systems file, and what each part must know of them. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { environment } from './config/environment.ts'
import type { Settings } from './config/settings.ts'
import { kindsNamed, readSystems } from './config/systems.ts'
import type { SystemEntry } from './core/system.ts'
import { connectSystems, type KindSettings, kindsFor } from './deliver/kinds.ts'
import type { CatalogueData } from './intake/systems.ts'
import { systemClock } from './lib/clock.ts'
import { systemRandom } from './lib/random.ts'
import { VERSION } from './lib/version.ts'

/** It cannot start, for a reason that people can mend: the message tells them how. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/** Every system there is; null in demo mode, where every name is a simulated one. */
export type Systems = readonly SystemEntry[] | null

const DEFAULT_SYSTEMS_FILE = './systems.yaml'

/**
 * Reads the systems file; without one it is demo mode.
 *
 * @throws StartError
 */
export async function readSystemsFile(settings: Settings): Promise<Systems> {
  const fileName = settings.systemsFile ?? DEFAULT_SYSTEMS_FILE
  if (!existsSync(fileName)) {
    if (settings.systemsFile === null) return null
    throw new StartError(`There is no systems file at ${fileName} (SLUICE_SYSTEMS_FILE).`)
  }
  const text = readFileSync(fileName, 'utf8')
  const read = readSystems({
    text,
    fileName,
    kinds: await kindsFor(kindsNamed(text), kindSettings(settings)),
    concurrency: settings.concurrency,
    env: environment(),
    readFile: (path) => readFileSync(path, 'utf8'),
  })
  if (read.ok) return read.systems
  const problems = read.problems.map(({ file, line, message }) => `${file}:${line} ${message}`)
  throw new StartError(problems.join('\n'))
}

/** What the kinds of system must know of the settings. */
export function kindSettings(settings: Settings): KindSettings {
  const { simulatedLatency: latency, simulatedSuccessRate: successRate, systemsFile } = settings
  return {
    simulated: { latency, successRate },
    userAgent: `sluice/${VERSION}`,
    directory: dirname(systemsFile ?? DEFAULT_SYSTEMS_FILE),
  }
}

/** What intake must know of the systems: which names there are, and from which can be read. */
export async function catalogueData(systems: Systems, settings: Settings): Promise<CatalogueData> {
  if (systems === null) return { mode: 'demo', names: [], readable: [] }
  const ports = { clock: systemClock, random: systemRandom }
  // Only a connection knows, and to make one touches no network.
  const connected = await connectSystems(systems, kindSettings(settings), ports)
  const { names } = connected
  const readable = names.filter((name) => connected.get(name)?.readable)
  await connected.close()
  return { mode: 'configured', names, readable }
}

/** What the systems file says of each system; without one, every name is a simulated system. */
export function describer(systems: Systems, concurrency: number) {
  const entries = new Map(systems?.map((entry) => [entry.name, entry]))
  const demo = { kind: 'simulated', limits: { concurrency, rate: null } }
  return (name: string) => (systems === null ? demo : (entries.get(name) ?? null))
}
