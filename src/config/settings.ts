import { didYouMean } from '../lib/closest.ts'
import { SETTINGS, type Setting } from './table.ts'

type Table = typeof SETTINGS
/** `null` belongs to a setting that may stay unset. */
type ValueOf<Row> =
  Row extends Setting<infer T> ? T | (Row extends { readonly default: null } ? null : never) : never

/** Every setting in force. Durations are in milliseconds, sizes in bytes. */
export type Settings = { readonly [Key in keyof Table]: ValueOf<Table[Key]> }

/** Text by name: `process.env`, or flags without their dashes (`data-dir`). */
export type Texts = Readonly<Record<string, string | undefined>>

export type ReadSettings =
  | { readonly ok: true; readonly settings: Settings }
  /** Each problem is a sentence that says what to change; none holds a value. */
  | { readonly ok: false; readonly problems: readonly string[] }

/** Reads every setting, a flag before its variable; an empty text counts as unset. */
export function readSettings(env: Texts, flags: Texts): ReadSettings {
  const problems = [...unknownVariables(env), ...unknownFlags(flags)]
  const values: Record<string, unknown> = {}
  for (const [key, setting] of ROWS) {
    const { text, from } = find(setting, env, flags)
    const value = text === null ? null : setting.parse(text)
    if (value === undefined) problems.push(`${from} must be ${setting.must}.`)
    values[key] = value
  }
  // The loop filled it from the very table that its type is made of.
  const settings = values as Settings
  const areRead = (...keys: readonly (keyof Settings)[]) =>
    keys.every((key) => values[key] !== undefined)
  if (areRead('databaseUrl', 'listenUrl', 'role')) problems.push(...contradictions(settings))
  if (areRead('host', 'port', 'role', 'allowAnonymous')) problems.push(...exposure(settings))
  return problems.length === 0 ? { ok: true, settings } : { ok: false, problems }
}

/** One line of `sluice config`. */
export interface SettingDescription {
  readonly env: string
  readonly flag: string
  /** The text in force; null where it is unset, and three stars for a secret. */
  readonly value: string | null
  /** Where the value comes from: a flag, a variable or `default`. */
  readonly from: string
  readonly default: string | null
  readonly doc: string
}

/** Every setting with the value in force, whether or not it is a good one. */
export function describeSettings(env: Texts, flags: Texts): readonly SettingDescription[] {
  return ROWS.map(([, setting]) => {
    const { text, from } = find(setting, env, flags)
    const { env: name, default: fallback, doc, secret } = setting
    const value = secret && text !== null ? '***' : text
    return { env: name, flag: `--${flagOf(setting)}`, value, from, default: fallback, doc }
  })
}

const ROWS: readonly (readonly [string, Setting<unknown>])[] = Object.entries(SETTINGS)

function find(setting: Setting<unknown>, env: Texts, flags: Texts) {
  const flag = flagOf(setting)
  const fromFlag = flags[flag]
  if (fromFlag) return { text: fromFlag, from: `--${flag}` }
  const fromEnv = env[setting.env]
  if (fromEnv) return { text: fromEnv, from: setting.env }
  return { text: setting.default, from: 'default' }
}

function flagOf(setting: Setting<unknown>): string {
  return setting.env
    .replace(/^SLUICE_/, '')
    .toLowerCase()
    .replaceAll('_', '-')
}

function unknownVariables(env: Texts): readonly string[] {
  const known = ROWS.map(([, setting]) => setting.env)
  return Object.entries(env)
    .filter(([name, value]) => name.startsWith('SLUICE_') && value && !known.includes(name))
    .filter(([name, value]) => !isServiceLink(name, value))
    .map(([name]) => {
      const bare = name.slice('SLUICE_'.length)
      const meant = known.includes(bare) ? didYouMean(bare, [bare]) : didYouMean(name, known)
      return `There is no setting ${name}${meant}.`
    })
}

function unknownFlags(flags: Texts): readonly string[] {
  const known = ROWS.map(([, setting]) => flagOf(setting))
  return Object.keys(flags)
    .filter((name) => !known.includes(name))
    .map((name) => `There is no flag --${name}${didYouMean(name, known)}.`)
}

/** Kubernetes gives every pod such variables for a service called "sluice"; they are not ours. */
function isServiceLink(name: string, value: string | undefined): boolean {
  return /^SLUICE_(SERVICE_|PORT_\d)/.test(name) || /^(tcp|udp|sctp):/.test(value ?? '')
}

function contradictions({ databaseUrl, listenUrl, role }: Settings): readonly string[] {
  if (databaseUrl !== null) return []
  const shared = 'Set DATABASE_URL to the PostgreSQL that all processes share, or'
  const problems: string[] = []
  if (role !== 'all') {
    problems.push(
      `SLUICE_ROLE is ${role}, and the embedded store belongs to one process, which does ` +
        `everything. ${shared} SLUICE_ROLE to all.`,
    )
  }
  if (listenUrl !== null) {
    problems.push(
      `SLUICE_LISTEN_URL says where to listen for other processes, and the embedded store has ` +
        `none. ${shared} leave SLUICE_LISTEN_URL unset.`,
    )
  }
  return problems
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/

/**
 * The names by which clients may call, beside those of this machine; null for any. Where only this machine
 * can call, any other name comes from a proxy that the operator knows, or from a page that must not.
 */
export function namesOf({ host, allowedHosts }: Settings): readonly string[] | null {
  return LOOPBACK.test(host) ? (allowedHosts ?? []) : allowedHosts
}

/** A worker takes no requests: what it says of its health may be known. */
function exposure({ host, port, role, allowAnonymous }: Settings): readonly string[] {
  if (allowAnonymous || role === 'worker' || LOOPBACK.test(host)) return []
  return [
    `HOST reaches beyond this machine, and everybody who reaches port ${port} could use Sluice. ` +
      'Set HOST to 127.0.0.1, or SLUICE_ALLOW_ANONYMOUS to true if that is what you want.',
  ]
}
