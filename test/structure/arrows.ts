/** Which part of the program may know which: the arrows of ARCHITECTURE.md. */
import { type Import, importsOf, type Source } from './sources.ts'

/**
 * What each folder may import beyond itself: folders or files, whole or only their `types`. A file
 * that stands beside the folders chooses concrete parts, and may know all of them.
 */
const ARROWS: Readonly<Record<string, { readonly all: string[]; readonly types: string[] }>> = {
  core: { all: [], types: [] },
  lib: { all: ['core'], types: [] },
  config: { all: ['core', 'lib'], types: [] },
  store: { all: ['core', 'lib'], types: [] },
  deliver: { all: ['core', 'lib'], types: [] },
  observe: { all: ['core', 'lib'], types: [] },
  intake: { all: ['core', 'lib'], types: ['store/store.ts', 'observe/events.ts'] },
  // The port's one error is a class, and dispatch must tell it from a bug.
  dispatch: {
    all: ['core', 'lib', 'store/store.ts'],
    types: ['deliver/deliver.ts', 'deliver/turns.ts', 'observe/events.ts'],
  },
  http: { all: ['core', 'lib', 'intake'], types: ['store/store.ts', 'observe/events.ts'] },
  client: { all: [], types: [] },
  cli: { all: ['app.ts', 'administration.ts', 'client', 'config', 'core', 'lib'], types: [] },
}

const COMPOSITION_ROOTS = [
  'app.ts',
  'storage.ts',
  'catalogue.ts',
  'delivery.ts',
  'worker.ts',
  'downloads.ts',
  'renderer.ts',
  'callback-policy.ts',
  'uploads.ts',
  'receiver.ts',
  'administration.ts',
]
const ABOVE_THE_ROOTS = ['cli', 'client']

/** Folders in which a package is at home; it is at home nowhere else. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  'node:sqlite': ['store'],
  fastify: ['http'],
  undici: ['deliver'],
  standardwebhooks: ['deliver'],
  amqplib: ['deliver'],
  mongodb: ['deliver'],
  redis: ['deliver'],
  jsonata: ['lib', 'deliver'],
  pino: ['observe'],
  yaml: ['config'],
  commander: ['cli'],
  'cli-progress': ['cli'],
  'cli-table3': ['cli'],
}

/** What is loaded before types can be taken out of anything. */
const SOURCES_IN_JAVASCRIPT = ['config/compile-cache.js']

/** These import nothing at all from outside the program, not even what Node brings. */
const SELF_CONTAINED = ['core', 'client']

/** Imports that go against the arrows. */
export function wrongArrows(sources: readonly Source[]): readonly string[] {
  return everyImport(sources)
    .filter((found) => !isAllowed(found))
    .map(({ from, specifier, typesOnly }) => {
      return `${from} may not import ${typesOnly ? 'types of ' : ''}${specifier}`
    })
}

function isAllowed({ from, to, specifier, typesOnly }: Import): boolean {
  const folder = partOf(from)
  if (to === null) return isAtHome(specifier, folder)
  if (COMPOSITION_ROOTS.includes(from)) return !ABOVE_THE_ROOTS.includes(partOf(to))
  if (partOf(to) === folder) return true
  const arrows = ARROWS[folder]
  const targets = [...(arrows?.all ?? []), ...(typesOnly ? (arrows?.types ?? []) : [])]
  return targets.includes(to) || targets.includes(partOf(to))
}

function isAtHome(specifier: string, folder: string): boolean {
  if (SELF_CONTAINED.includes(folder)) return false
  const homes = HOMES[specifier.startsWith('@fastify/') ? 'fastify' : specifier]
  return homes === undefined || homes.includes(folder)
}

/** The folder that a file is in, or the file itself where it is in none. */
function partOf(path: string): string {
  return path.split('/')[0] ?? path
}

/** Imports of our own files that do not say what the file is called. */
export function unfinishedNames(sources: readonly Source[]): readonly string[] {
  return everyImport(sources)
    .filter(({ to }) => to !== null && !SOURCES_IN_JAVASCRIPT.includes(to) && !to.endsWith('.ts'))
    .map(({ from, specifier }) => `${from} imports ${specifier}, which must end in .ts`)
}

/** TypeScript that is loaded with a file of JavaScript: before there is a cache of what it compiles to. */
export function loadedTooEarly(sources: readonly Source[]): readonly string[] {
  return sources
    .filter(({ path }) => path.endsWith('.js'))
    .flatMap((source) => importsOf(source))
    .filter(({ to, isLater }) => to?.endsWith('.ts') && !isLater)
    .map(({ from, specifier }) => `${from} may import ${specifier} only with import()`)
}

/** Files that import each other in a circle, types included: none can be read first. */
export function cycles(sources: readonly Source[]): readonly string[] {
  const imported = new Map(
    sources.map((source) => [
      source.path,
      importsOf(source).flatMap(({ to }) => (to === null ? [] : [to])),
    ]),
  )
  const found: string[] = []
  const done = new Set<string>()

  function follow(path: string, trail: readonly string[]): void {
    if (trail.includes(path)) {
      found.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      return
    }
    if (done.has(path)) return
    for (const next of imported.get(path) ?? []) follow(next, [...trail, path])
    done.add(path)
  }

  for (const { path } of sources) follow(path, [])
  return found
}

function everyImport(sources: readonly Source[]): readonly Import[] {
  return sources.flatMap(importsOf)
}
