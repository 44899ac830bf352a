/** The systems that this process knows, from the systems file, and what each part must know of them. */
import { lstatSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { environment } from './config/environment.ts'
import type { Settings } from './config/settings.ts'
import { kindsNamed, readSystems } from './config/systems.ts'
import { isCallbackLane, isCallbackName } from './core/callback.ts'
import { DEFAULT_TIMEOUT_MS, type SystemEntry } from './core/system.ts'
import { callbackRules } from './deliver/callbacks/rules.ts'
import { type KindSettings, kindsFor, previewDemo, previewSystems } from './deliver/kinds.ts'
import type { FindPreviewable, Previewable } from './deliver/preview.ts'
import type { SystemFacts } from './intake/outlooks.ts'
import type { RehearsalPorts } from './intake/rehearse.ts'
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
  // A link that leads nowhere is there: without it, nothing would be real.
  if (lstatSync(fileName, { throwIfNoEntry: false }) === undefined) {
    if (settings.systemsFile === null) return null
    throw new StartError(`There is no systems file at ${fileName} (SLUICE_SYSTEMS_FILE).`)
  }
  const text = readText(fileName)
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

function readText(fileName: string): string {
  try {
    return readFileSync(fileName, 'utf8')
  } catch {
    throw new StartError(
      `Cannot read the systems file ${fileName}. Is it a file, and may Sluice read it?`,
    )
  }
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

/** What the API must know of the systems. */
export interface Catalogue {
  /** Which there are, and from which can be read; can be handed to another thread. */
  readonly systems: CatalogueData
  readonly facts: RehearsalPorts['facts']
  readonly previewable: FindPreviewable
}

/** Tells which systems there are and what is known of them; none of them is called for it. */
export async function catalogue(systems: Systems, settings: Settings): Promise<Catalogue> {
  const kinds = kindSettings(settings)
  if (systems === null) return demoCatalogue(previewDemo(kinds), settings.concurrency)
  const previews = await previewSystems(systems, kinds, {
    clock: systemClock,
    random: systemRandom,
  })
  const entries = new Map(systems.map((entry) => [entry.name, entry]))
  const names = [...previews.keys()]
  const readable = names.filter((name) => previews.get(name)?.readable)
  return {
    systems: { mode: 'configured', names, readable },
    facts(name) {
      const [entry, previewable] = [entries.get(name), previews.get(name)]
      return entry === undefined || previewable === undefined ? null : factsOf(entry, previewable)
    },
    previewable: (name) => previews.get(name) ?? null,
  }
}

function demoCatalogue(demo: Previewable, concurrency: number): Catalogue {
  const facts = factsOf({ limits: { concurrency, rate: null }, timeout: DEFAULT_TIMEOUT_MS }, demo)
  return {
    systems: { mode: 'demo', names: [], readable: [] },
    facts: () => facts,
    previewable: () => demo,
  }
}

function factsOf(
  { limits, timeout }: Pick<SystemEntry, 'limits' | 'timeout'>,
  { together, preview }: Previewable,
): SystemFacts {
  return { limits, timeout, together, latency: preview?.latency ?? null }
}

/**
 * What the systems file says of each system; without one, every name is a simulated system. Of lanes of
 * callbacks it says nothing.
 */
export function describer(systems: Systems, concurrency: number) {
  const entries = new Map(systems?.map((entry) => [entry.name, entry]))
  const demo = { kind: 'simulated', limits: { concurrency, rate: null } }
  const callback = { kind: 'callback', ...callbackRules(concurrency) }
  return (name: string) => {
    if (isCallbackName(name)) return isCallbackLane(name) ? callback : null
    return systems === null ? demo : (entries.get(name) ?? null)
  }
}
