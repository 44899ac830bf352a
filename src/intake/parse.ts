import Compile from 'typebox/compile'
import type { Mapping } from '../core/mapping.ts'
import type { Terms } from '../core/request.ts'
import type { EpochMs } from '../core/units.ts'
import { readJson } from '../lib/json/read.ts'
import { othersFirst } from '../lib/others-first.ts'
import { type CallbackPolicy, type CallbackUrl, checkCallback } from './callback.ts'
import { asMapping, faultsOfShape, MappingChecks } from './checks.ts'
import { crop } from './crop.ts'
import { explain, type Fault } from './explain.ts'
import { mayBringExpressions } from './expression.ts'
import { CALLBACK_URL_LENGTH_MAX, type Options } from './options.ts'
import { Problems, type Refusal, refuseJson, tooManyMappings } from './problem.ts'
import { type Rejected, rejectedOf } from './rejects.ts'
import { EnvelopeSchema } from './schema.ts'
import type { SystemCatalogue } from './systems.ts'
import { type Times, termsOf, timesOf } from './times.ts'

/** A body that was read, every word of it checked. */
export interface Parsed extends Omit<Options, keyof Times | 'callback_url' | 'retry_of'> {
  readonly kind: 'parsed'
  readonly terms: Terms
  /** At least one. */
  readonly mappings: readonly Mapping[]
  /** Those that are not taken, by their ordinals; none, unless that is wanted. */
  readonly rejected: readonly Rejected[]
}

export interface ParseRules {
  readonly systems: SystemCatalogue
  readonly callbacks: CallbackPolicy
  readonly mappingsMax: number
  readonly now: EpochMs
  /** What becomes of a request with a bad mapping: it is refused, or the bad one is left out. */
  readonly onInvalid: OnInvalid
}

export type OnInvalid = 'refuse' | 'skip'

/** How deep what is handed in may be nested. */
export const DEPTH_MAX = 32

/**
 * Reads the body of a request; all that is wrong with it, up to the hundredth problem, or none. Others in this
 * thread get their turn where it has many expressions.
 */
export async function parse(body: Uint8Array, rules: ParseRules): Promise<Parsed | Refusal> {
  const read = readJson(body, { depth: DEPTH_MAX })
  if (!read.ok) return refuseJson(read.problems)
  const problems = new Problems()
  const { text } = read
  const value = cropped(read.value)
  const isEnvelope = envelope.Check(value)
  if (!isEnvelope) {
    for (const { code, path, detail } of explain(envelope.Errors(value), [])) {
      problems.add(code, path, detail)
    }
  }
  const candidates = mappingsOf(value)
  if (candidates.length > rules.mappingsMax) {
    problems.add('too_many_mappings', ['mappings'], tooManyMappings(rules.mappingsMax))
    return problems.refusal(text)
  }
  const mayCompute = mayBringExpressions(text)
  const found = await checkMappings(candidates, problems, rules, mayCompute)
  // Where nothing would be left, it is told what is wrong, as of any request that is refused.
  if (found.mappings.length === 0 && found.rejected.length > 0) {
    await checkMappings(candidates, problems, { ...rules, onInvalid: 'refuse' }, mayCompute)
  }
  const callback = callbackOf(value, rules)
  if (callback?.ok === false) problems.add(callback.code, ['callback_url'], callback.detail)
  const times = checkTimes(value, problems, rules.now)
  if (!problems.isEmpty || !isEnvelope || times === null) return problems.refusal(text)
  const { mappings: _, not_before, expires_in, callback_url, retry_of, ...options } = value
  const callbackUrl = callback?.ok ? callback.url : null
  const terms = { ...times, callbackUrl, retryOf: retry_of ?? null }
  return { ...options, ...found, terms, kind: 'parsed' }
}

/** Null where there is none, or none that the schema lets through. */
function callbackOf(value: unknown, { callbacks }: ParseRules): CallbackUrl | null {
  if (typeof value !== 'object' || value === null || !('callback_url' in value)) return null
  const url = value.callback_url
  const isFit = typeof url === 'string' && url !== '' && url.length <= CALLBACK_URL_LENGTH_MAX
  return isFit ? checkCallback(url, callbacks) : null
}

const envelope = Compile(EnvelopeSchema)
const KEYS = new Set(Object.keys(EnvelopeSchema.properties))
const NONE: ReadonlySet<string> = new Set()

/** A body, without the keys that nobody would be told of. */
function cropped(value: unknown): unknown {
  const body = crop(value, KEYS)
  if (typeof body !== 'object' || body === null || !('metadata' in body)) return body
  const metadata = crop(body.metadata, NONE)
  return metadata === body.metadata ? body : { ...body, metadata }
}

function mappingsOf(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null || !('mappings' in value)) return []
  return Array.isArray(value.mappings) ? value.mappings : []
}

function checkTimes(value: unknown, problems: Problems, now: EpochMs): Terms | null {
  const terms = termsOf(timesOf(value), now)
  if ('notBefore' in terms) return terms
  for (const [name, detail] of terms) problems.add('invalid_value', [name], detail)
  return null
}

/** Sorts the mappings into those that are good and, where they may be left out, those that are not. */
async function checkMappings(
  candidates: readonly unknown[],
  problems: Problems,
  { systems, onInvalid }: ParseRules,
  lookForExpressions: boolean,
): Promise<Pick<Parsed, 'mappings' | 'rejected'>> {
  const mappings: Mapping[] = []
  const rejected: Rejected[] = []
  const ordinals = new Map<string, number>()
  const checks = new MappingChecks(systems)
  for (const [ordinal, candidate] of candidates.entries()) {
    if (problems.isFull && onInvalid === 'refuse') break
    if (checks.isTurnOver()) await othersFirst()
    const mapping = asMapping(candidate)
    const faults =
      mapping === null ? faultsOfShape(candidate) : checks.faultsOf(mapping, lookForExpressions)
    const duplicate = mapping === null ? null : checkId(mapping.id, ordinal, faults)
    if (mapping !== null && faults.length === 0 && duplicate === null) {
      mappings.push(mapping)
      continue
    }
    const all = duplicate === null ? faults : [...faults, duplicate]
    if (onInvalid === 'skip') rejected.push(reject(candidate, ordinal, all))
    else for (const fault of all) report(fault, ordinal)
  }
  return { mappings, rejected }

  /** Where they may be left out, an id is taken only by one that is good. */
  function checkId(id: string, ordinal: number, faults: readonly Fault[]): Fault | null {
    const first = ordinals.get(id)
    if (first !== undefined) return duplicateOf(first)
    if (onInvalid === 'refuse' || faults.length === 0) ordinals.set(id, ordinal)
    return null
  }

  function reject(candidate: unknown, ordinal: number, faults: readonly Fault[]): Rejected {
    const lane = checks.laneOf(targetOf(candidate))
    return rejectedOf(candidate, faults, { ordinal, lane, placeholder: `mapping-${ordinal + 1}` })
  }

  function report({ code, path, detail }: Fault, ordinal: number): void {
    problems.add(code, ['mappings', ordinal, ...path], detail)
  }
}

/** What is wrong with a mapping that has the id of an earlier one. */
export function duplicateOf(first: number): Fault {
  const detail = `The mapping at #/mappings/${first} has the same id; give each its own.`
  return { code: 'duplicate_mapping_id', path: ['id'], detail }
}

/** The target of a candidate, whatever that is. */
export function targetOf(candidate: unknown): unknown {
  if (typeof candidate !== 'object' || candidate === null || !('target' in candidate)) return null
  return candidate.target
}
