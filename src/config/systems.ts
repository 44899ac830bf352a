import Type, { type TSchema } from 'typebox'
import Value from 'typebox/value'
import { parseStatuses } from '../core/answers.ts'
import { isCallbackName } from '../core/callback.ts'
import { parseDuration } from '../core/quantity.ts'
import { DEFAULT_RETRY, type RetryPolicy } from '../core/retry.ts'
import { DEFAULT_TIMEOUT_MS, isAddressable, type SystemEntry } from '../core/system.ts'
import { didYouMean } from '../lib/closest.ts'
import { faults, isRecord } from './check.ts'
import { breakerOf, limitsOf } from './limits.ts'
import type { Surroundings } from './secrets.ts'
import { CommonConfig, NAME, NAME_MAX, SystemsFile } from './systems-schema.ts'
import { type Problem, readYaml, type YamlFile } from './yaml.ts'

/** What the file may hold for one kind of system, beyond what every system has. */
export interface KindConfig {
  readonly name: string
  /** An object. */
  readonly config: TSchema
}

/** A kind that the file names, and that cannot be used. */
export interface UnusableKind {
  readonly name: string
  /** Why, as the end of a sentence. */
  readonly problem: string
}

export interface SystemsSource extends Surroundings {
  readonly text: string
  /** For the problems. */
  readonly fileName: string
  readonly kinds: readonly (KindConfig | UnusableKind)[]
  /** For the systems that do not say. */
  readonly concurrency: number
}

export type ReadSystems =
  | { readonly ok: true; readonly systems: readonly SystemEntry[] }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Reads the systems file; reports everything that is wrong with it at once, by line. */
export function readSystems(source: SystemsSource): ReadSystems {
  const yaml = readYaml(source.text, source.fileName, source)
  const problems = [...yaml.problems, ...yaml.missing]
  const report = (path: readonly string[], message: string) => {
    const problem = yaml.problemAt(path, message)
    // It is only what a missing reference has left there that is wrong.
    if (!yaml.missing.some(({ line }) => line === problem.line)) problems.push(problem)
  }
  const systems = yaml.problems.length === 0 ? readEntries(yaml, source, report) : []
  problems.sort((a, b) => a.line - b.line)
  return problems.length === 0 ? { ok: true, systems } : { ok: false, problems }
}

/** The kinds that the systems of the file name, each as often as it is named. */
export function kindsNamed(text: string): readonly string[] {
  const nothing = { env: {}, readFile: () => '' }
  const { value } = readYaml(text, '', nothing)
  return Object.values(entriesIn(value))
    .map((entry) => (isRecord(entry) ? entry['kind'] : null))
    .filter((kind) => typeof kind === 'string')
}

type Report = (path: readonly string[], message: string) => void

function readEntries(
  { value, shown }: Pick<YamlFile, 'value' | 'shown'>,
  source: SystemsSource,
  report: Report,
): SystemEntry[] {
  for (const fault of faults(SystemsFile, value)) report(fault.path, fault.message)
  const masked = new Map(Object.entries(entriesIn(shown)))
  return Object.entries(entriesIn(value)).flatMap(([name, entry]) => {
    const system = readEntry(name, entry, source, report)
    return system === null ? [] : [{ ...system, shown: configOf(masked.get(name)) }]
  })
}

function entriesIn(value: unknown): Record<string, unknown> {
  return isRecord(value) && isRecord(value['systems']) ? value['systems'] : {}
}

/** What an entry says to its kind. */
function configOf(entry: unknown): Record<string, unknown> {
  const own = Object.entries(isRecord(entry) ? entry : {})
  return Object.fromEntries(own.filter(([name]) => !Object.hasOwn(CommonConfig.properties, name)))
}

function readEntry(name: string, entry: unknown, source: SystemsSource, report: Report) {
  const path = ['systems', name]
  if (!NAME.test(name) || !isAddressable(name)) report(path, MISNAMED)
  if (isCallbackName(name)) report(path, 'must not begin with callback:, which is for callbacks')
  if (!isRecord(entry)) {
    report(path, 'must be a map of names and values')
    return null
  }
  const kind = source.kinds.find((candidate) => candidate.name === entry['kind'])
  if (kind === undefined) {
    report([...path, 'kind'], unknownKind(entry['kind'], source.kinds))
    return null
  }
  if ('problem' in kind) {
    report([...path, 'kind'], kind.problem)
    return null
  }
  const found = faults(
    Type.Object({ ...CommonConfig.properties, ...propertiesOf(kind) }),
    entry,
    path,
  )
  for (const fault of found) report(fault.path, fault.message)
  if ('burst' in entry && !('rate' in entry)) report([...path, 'burst'], BURST_ALONE)
  return found.length > 0 || !Value.Check(CommonConfig, entry)
    ? null
    : assemble(name, entry, source)
}

const MISNAMED = `must have a name of 1 to ${NAME_MAX} printable characters, not all of them spaces, and not . or ..`
const BURST_ALONE = 'is a part of a rate: say rate as well, or leave it out'

function unknownKind(kind: unknown, kinds: SystemsSource['kinds']): string {
  const names = kinds.map(({ name }) => name)
  const hint = typeof kind === 'string' ? didYouMean(kind, names) : ''
  return `must be one of ${names.join(', ')}${hint}`
}

function propertiesOf({ config }: KindConfig) {
  return Type.IsObject(config) ? config.properties : {}
}

function assemble(name: string, entry: CommonConfig, source: SystemsSource) {
  const { kind, timeout, retry, fail_on, hold_on, retry_on } = entry
  const policy = breakerOf(entry)
  return {
    name,
    kind,
    limits: limitsOf(entry, source.concurrency),
    ...(policy && { breaker: policy }),
    timeout: milliseconds(timeout) ?? DEFAULT_TIMEOUT_MS,
    retry: assembleRetry(retry),
    answers: {
      failOn: parseStatuses(fail_on) ?? [],
      holdOn: parseStatuses(hold_on) ?? [],
      retryOn: parseStatuses(retry_on) ?? [],
    },
    config: configOf(entry),
  }
}

function assembleRetry(retry: CommonConfig['retry']): RetryPolicy {
  return {
    attempts: retry?.attempts ?? DEFAULT_RETRY.attempts,
    first: milliseconds(retry?.first) ?? DEFAULT_RETRY.first,
    cap: milliseconds(retry?.cap) ?? DEFAULT_RETRY.cap,
  }
}

function milliseconds(text: string | undefined) {
  return text === undefined ? null : parseDuration(text)
}
