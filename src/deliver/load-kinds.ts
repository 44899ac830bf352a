import { realpath } from 'node:fs/promises'
import { registerHooks } from 'node:module'
import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DEFINED, type DefinedKind } from './define-kind.ts'
import type { Kind } from './kind.ts'
import { ownKind } from './own-kind.ts'

/** A kind, or why there is none, as the end of a sentence. */
export type LoadedKind = Kind | { readonly name: string; readonly problem: string }

/**
 * Loads those kinds from their files whose names are paths.
 *
 * @param directory of the systems file, at which the paths begin; it must be there, and no kind is
 *   loaded from outside it
 */
export async function loadKinds(
  names: readonly string[],
  directory: string,
): Promise<readonly LoadedKind[]> {
  const paths = [...new Set(names.filter(isPath))]
  if (paths.length > 0) letImport()
  return Promise.all(paths.map((path) => load(path, directory)))
}

function isPath(kind: string): boolean {
  return /^\.{1,2}\//.test(kind)
}

async function load(path: string, directory: string): Promise<LoadedKind> {
  const unusable = (problem: string) => ({ name: path, problem })
  if (!/\.(?:ts|mts|js|mjs)$/.test(path)) return unusable('must end in .ts, .mts, .js or .mjs')
  const root = await realpath(directory)
  const file = await realpath(join(root, path)).catch(() => null)
  if (file === null) return unusable(`is not there; it is looked for from ${directory} on`)
  if (!file.startsWith(root.endsWith(sep) ? root : root + sep)) {
    return unusable('must be in the directory of the systems file, or below it')
  }
  try {
    const { default: defined }: { default?: unknown } = await import(pathToFileURL(file).href)
    return isDefined(defined)
      ? ownKind(path, defined)
      : unusable('must export by default what defineKind returns')
  } catch (error) {
    return unusable(`cannot be loaded: ${firstLine(error)}`)
  }
}

function isDefined(value: unknown): value is DefinedKind {
  return typeof value === 'object' && value !== null && DEFINED in value
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it threw'
}

let letting = false

/** A kind imports `sluice/kind` from wherever it is; it need not be near an installed package. */
function letImport(): void {
  if (letting) return
  letting = true
  const url = new URL('./define-kind.ts', import.meta.url).href
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'sluice/kind' ? { url, shortCircuit: true } : next(specifier, context),
  })
}
