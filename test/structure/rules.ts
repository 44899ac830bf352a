/** Rules about what stands in a file. Each gives what goes against it, as `path:line what`. */
import { onlyCode, type Source, withoutComments } from './sources.ts'

/** Longer files cannot be read in one sitting … */
const LINES_MAX = 400
/** … and most should be no longer than this. */
const LINES_FINE = 150

const CLOCKS_AND_CHANCE = [
  /\bDate\.now\b/,
  /\bnew Date\(\s*\)/,
  /(?<!new )\bDate\(\)/,
  /\bperformance\.now\b/,
  /\bprocess\.hrtime\b/,
  /\bset(?:Timeout|Interval|Immediate)\b/,
  /\bAbortSignal\.timeout\b/,
  /\bMath\.random\b/,
  /\brandom(?:UUID|Bytes|Int|Fill|FillSync)\b/,
  /\bgetRandomValues\b/,
]

/** Files outside `lib` that touch time or chance all the same, what they touch, and why. */
export const EXCEPTIONS: Readonly<Record<string, readonly [what: string, why: string]>> = {
  'client/deadline.ts': ['setTimeout', 'the client depends on nothing, so it brings its own'],
  'client/following.ts': ['performance.now', 'the client depends on nothing'],
  'client/key.ts': ['getRandomValues', 'the client depends on nothing'],
  'client/pause.ts': ['setTimeout', 'the client depends on nothing'],
  'store/sqlite/connection.ts': ['setImmediate', 'gathers a group of calls; waits for no time'],
  'store/sqlite/remote.ts': ['setImmediate', 'gathers a turn of the loop; waits for no time'],
}

/** Looks at a clock, waits or rolls dice anywhere but in `lib`. */
export function ownClocks(sources: readonly Source[]): readonly string[] {
  return sources.flatMap((source) => {
    if (isIn('lib', source)) return []
    const [excepted] = EXCEPTIONS[source.path] ?? []
    return matches(source, onlyCode(source.text), CLOCKS_AND_CHANCE).filter(
      (found) => excepted === undefined || !found.endsWith(excepted),
    )
  })
}

/** Reads the environment anywhere but in `config`. */
export function ownEnvironment(sources: readonly Source[]): readonly string[] {
  return sources.flatMap((source) => {
    return isIn('config', source)
      ? []
      : matches(source, onlyCode(source.text), [/\bprocess\.env\b/])
  })
}

const SQL = [
  /\bSELECT\s[^;]*\bFROM\b/,
  /\bINSERT\s(?:OR \w+ )?INTO\b/,
  /\bUPDATE\s+\w+\s+SET\b/,
  /\bDELETE\s+FROM\b/,
  /\bCREATE\s+(?:UNIQUE\s+)?(?:TABLE|INDEX)\b/,
  /\bPRAGMA\s/,
  /\bBEGIN (?:IMMEDIATE|EXCLUSIVE)\b/,
]

/** Says what is written to other people's databases; it knows nothing of ours. */
const OTHERS_SQL = 'deliver/kinds/postgres/statements.ts'

/** Speaks SQL anywhere but in `store`. */
export function ownSql(sources: readonly Source[]): readonly string[] {
  return sources.flatMap((source) => {
    return isIn('store', source) || source.path === OTHERS_SQL
      ? []
      : matches(source, withoutComments(source.text), SQL)
  })
}

/** Has more lines than anybody reads in one sitting. */
export function tooLong(sources: readonly Source[]): readonly string[] {
  return longerThan(LINES_MAX, sources)
}

/** Has more lines than a file had better have; no more than a warning. */
export function ratherLong(sources: readonly Source[]): readonly string[] {
  return longerThan(LINES_FINE, sources)
}

function longerThan(max: number, sources: readonly Source[]): readonly string[] {
  return sources
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > max)
    .map(({ path, lines }) => `${path} has ${lines} lines`)
}

const EXPORTED = /^export (?:default )?(?:abstract )?(?:async )?(?:function\*?|class) (\w+)/

/** Exports a function or a class without saying what it promises. */
export function undocumented(sources: readonly Source[]): readonly string[] {
  return sources.flatMap(({ path, text }) => {
    const lines = text.split('\n')
    return lines.flatMap((line, index) => {
      const [, name] = EXPORTED.exec(line) ?? []
      const isDocumented = lines[index - 1]?.trimEnd().endsWith('*/') ?? false
      return name === undefined || isDocumented ? [] : [`${path}:${index + 1} ${name}`]
    })
  })
}

const VAGUE = /(?:manager|helpers?|utils?|utilit(?:y|ies)|impl)$/i
const DECLARED = /\b(?:function\*?|class|interface|type|const|let)\s+(\w+)/g

/** Calls a thing, or a file, by a name that says nothing. */
export function vagueNames(sources: readonly Source[]): readonly string[] {
  return sources.flatMap((source) => {
    const { path, text } = source
    const declared = [...onlyCode(text).matchAll(DECLARED)].map(([, name = '']) => name)
    const steps = path.replace(/\.ts$/, '').split('/')
    return [...declared, ...steps]
      .filter((name) => VAGUE.test(name))
      .map((name) => `${path} ${name}`)
  })
}

/** Leaves something for later. */
export function leftovers(sources: readonly Source[]): readonly string[] {
  return sources.flatMap((source) => {
    return matches(source, source.text, [/\b(?:TODO|FIXME|XXX|HACK)\b/])
  })
}

function isIn(folder: string, { path }: Source): boolean {
  return path.startsWith(`${folder}/`)
}

/** Where each pattern is found in a form of the source's text that has kept its line breaks. */
function matches({ path }: Source, text: string, patterns: readonly RegExp[]): readonly string[] {
  return patterns.flatMap((pattern) =>
    [...text.matchAll(new RegExp(pattern, 'g'))].map(({ 0: found, index }) => {
      const line = text.slice(0, index).split('\n').length
      return `${path}:${line} ${found.replaceAll(/\s+/g, ' ')}`
    }),
  )
}
