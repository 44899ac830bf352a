import Type from 'typebox'
import Compile from 'typebox/compile'
import { isCallbackName } from '../core/callback.ts'
import type { Mapping } from '../core/mapping.ts'
import { readJson } from '../lib/json/read.ts'
import { type CallbackPolicy, type CallbackUrl, checkCallback } from './callback.ts'
import { explain } from './explain.ts'
import { ExpressionChecker, mayBringExpressions } from './expression.ts'
import { Problems, type Refusal, refuseJson } from './problem.ts'
import { CALLBACK_URL_LENGTH_MAX, type Envelope, EnvelopeSchema, MappingSchema } from './schema.ts'
import { type SystemCatalogue, unknownSystem } from './systems.ts'

/** A body that was read, every word of it checked. */
export interface Parsed extends Omit<Envelope, 'mappings' | 'callback_url'> {
  readonly kind: 'parsed'
  readonly mappings: readonly Mapping[]
  readonly callbackUrl: string | null
}

export interface ParseRules {
  readonly systems: SystemCatalogue
  readonly callbacks: CallbackPolicy
  readonly mappingsMax: number
}

const DEPTH_MAX = 32

/** How many systems one request may write to. */
const TARGETS_MAX = 1000

/** Reads the body of a request; all that is wrong with it, up to the hundredth problem, or none. */
export function parse(body: Uint8Array, rules: ParseRules): Parsed | Refusal {
  const read = readJson(body, { depth: DEPTH_MAX })
  if (!read.ok) return refuseJson(read.problems)
  const problems = new Problems()
  const { text } = read
  const value: unknown = read.value
  if (!envelope.Check(value)) {
    for (const { code, path, detail } of explain(envelope.Errors(value), [])) {
      problems.add(code, path, detail)
    }
  }
  const candidates = mappingsOf(value)
  if (candidates.length > rules.mappingsMax) {
    const detail = `Send at most ${rules.mappingsMax} mappings in one request.`
    problems.add('too_many_mappings', ['mappings'], detail)
    return problems.refusal(text)
  }
  const mappings = checkMappings(candidates, problems, rules, mayBringExpressions(text))
  const callback = callbackOf(value, rules)
  if (callback?.ok === false) problems.add(callback.code, ['callback_url'], callback.detail)
  if (!problems.isEmpty || !envelope.Check(value)) return problems.refusal(text)
  const { callback_url, ...rest } = value
  return { ...rest, kind: 'parsed', mappings, callbackUrl: callback?.ok ? callback.url : null }
}

const envelope = Compile(EnvelopeSchema)

/** Null where there is none, or nothing that could be one. */
function callbackOf(value: unknown, { callbacks }: ParseRules): CallbackUrl | null {
  if (typeof value !== 'object' || value === null || !('callback_url' in value)) return null
  const { callback_url: url } = value
  const isFit = typeof url === 'string' && url !== '' && url.length <= CALLBACK_URL_LENGTH_MAX
  return isFit ? checkCallback(url, callbacks) : null
}

function mappingsOf(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null || !('mappings' in value)) return []
  return Array.isArray(value.mappings) ? value.mappings : []
}

/** Gives the mappings back when there is nothing wrong with them. */
function checkMappings(
  candidates: readonly unknown[],
  problems: Problems,
  rules: ParseRules,
  lookForExpressions: boolean,
): readonly Mapping[] {
  const mappings: Mapping[] = []
  const ordinals = new Map<string, number>()
  const targets = new Set<string>()
  const expressions = new ExpressionChecker()
  for (const [ordinal, candidate] of candidates.entries()) {
    if (problems.isFull) break
    if (!isMapping(candidate)) {
      for (const { code, path, detail } of explain(whole.Errors(candidate), place(ordinal))) {
        problems.add(code, path, detail)
      }
      continue
    }
    mappings.push(candidate)
    checkId(candidate, ordinal)
    checkTarget(candidate, ordinal)
    checkSystems(candidate, ordinal)
    if (lookForExpressions) checkExpressions(candidate, ordinal)
  }
  return mappings

  function checkId({ id }: Mapping, ordinal: number): void {
    const first = ordinals.get(id)
    if (first === undefined) {
      ordinals.set(id, ordinal)
      return
    }
    const detail = `The mapping at #/mappings/${first} has the same id; give each its own.`
    problems.add('duplicate_mapping_id', [...place(ordinal), 'id'], detail)
  }

  function checkTarget({ target }: Mapping, ordinal: number): void {
    if (targets.has(target)) return
    if (targets.size === TARGETS_MAX) {
      const detail = `Write to at most ${TARGETS_MAX} systems in one request.`
      problems.add('too_many_targets', [...place(ordinal), 'target'], detail)
    } else {
      targets.add(target)
    }
  }

  function checkSystems(mapping: Mapping, ordinal: number): void {
    for (const name of ['source', 'target'] as const) {
      const isCalled = name === 'target' || mapping.data === undefined
      if (isCallbackName(mapping[name])) {
        problems.add('reserved_name', [...place(ordinal), name], RESERVED)
      } else if (isCalled && !rules.systems.has(mapping[name])) {
        const detail = unknownSystem(mapping[name], rules.systems)
        problems.add('unknown_system', [...place(ordinal), name], detail)
      }
    }
  }

  function checkExpressions({ transformation = {} }: Mapping, ordinal: number): void {
    for (const { path, detail } of expressions.check(transformation)) {
      problems.add('invalid_expression', [...place(ordinal), 'transformation', ...path], detail)
    }
  }
}

const RESERVED = 'Names that begin with callback: are for callbacks; ask for one with callback_url.'

function place(ordinal: number): readonly (string | number)[] {
  return ['mappings', ordinal]
}

const whole = Compile(MappingSchema)
/** The same but for unknown keys, which are found four times as fast by hand. */
const open = Compile(Type.Object(MappingSchema.properties))
const KEYS = new Set(Object.keys(MappingSchema.properties))

function isMapping(value: unknown): value is Mapping {
  if (!open.Check(value)) return false
  for (const key in value) if (!KEYS.has(key)) return false
  return true
}
