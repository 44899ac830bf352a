/** The program as text: what the rules of this folder are about. */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** A file of the program. */
export interface Source {
  /** From `src` on: `core/batch.ts`. */
  readonly path: string
  readonly text: string
}

/** Every file of code under `src`. */
export function readSources(): readonly Source[] {
  return readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[jt]s$/.test(path))
    .map((path) => ({ path, text: readFileSync(`${ROOT}src/${path}`, 'utf8') }))
}

/** One import or re-export. */
export interface Import {
  /** The file that imports. */
  readonly from: string
  /** As it is written: `../core/batch.ts`, `node:fs`, `fastify`. */
  readonly specifier: string
  /** The file under `src` that is meant; null where it is a package. */
  readonly to: string | null
  /** Nothing of it is left when the program runs. */
  readonly typesOnly: boolean
  /** Only once the program comes to it. */
  readonly isLater: boolean
}

/**
 * A comment, a text, a template or a regular expression: whichever begins first. A regular expression
 * stands where a value may begin, and a division never does.
 */
const TOKEN =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[(,=:[!&|?{};>]\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g

/** The text without its comments. */
export function withoutComments(text: string): string {
  return text.replace(TOKEN, (token) => (/^\/[/*]/.test(token) ? blank(token) : token))
}

/** The text without its comments, and with nothing in its quotes: only what is carried out. */
export function onlyCode(text: string): string {
  return text.replace(TOKEN, blank)
}

/** The line breaks stay, so that lines keep their numbers. A template keeps its substitutions. */
function blank(token: string): string {
  const kept = token.startsWith('`') ? (token.match(/\$\{[^}]*\}|\n/g) ?? []).join(' ') : null
  return kept ?? token.replaceAll(/[^\n]/g, ' ')
}

const IMPORT =
  /^(?:import|export)(\s+type)?\s+(?:([\w*$\s,{}]*?)\s*from\s*)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm

/** Everything that a file imports or passes on, dynamic imports among it. */
export function importsOf({ path, text }: Source): readonly Import[] {
  return [...withoutComments(text).matchAll(IMPORT)].map(([, type, names, fixed, dynamic]) => {
    const specifier = fixed ?? dynamic ?? ''
    const to = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : null
    const typesOnly = type !== undefined || areTypes(names)
    return { from: path, specifier, to, typesOnly, isLater: dynamic !== undefined }
  })
}

/** Whether every name in the braces is marked as a type. */
function areTypes(names: string | undefined): boolean {
  const [, list] = /^\{([^}]*)\}$/.exec(names?.trim() ?? '') ?? []
  if (list === undefined) return false
  return list.split(',').every((name) => /^\s*(type\s.*)?$/.test(name))
}
