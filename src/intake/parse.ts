import Type from 'typebox'
import Compile from 'typebox/compile'
import type { Mapping } from '../core/mapping.ts'
import { readJson } from '../lib/json/read.ts'
import { explain } from './explain.ts'
import { ExpressionChecker, mayBringExpressions } from './expression.ts'
import { Problems, type Refusal, refuseJson } from './problem.ts'
import { type Envelope, EnvelopeSchema, MappingSchema } from './schema.ts'
import { type SystemCatalogue, unknownSystem } from './systems.ts'

/** A body that was read, every word of it checked. */
export interface Parsed extends Omit<Envelope, 'mappings'> {
  readonly kind: 'parsed'
  readonly mappings: readonly Mapping[]
}

export interface ParseRules {
  readonly systems: SystemCatalogue
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
  if (!problems.isEmpty || !envelope.Check(value)) return problems.refusal(text)
  return { ...value, kind: 'parsed', mappings }
}

const envelope = Compile(EnvelopeSchema)

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
    if (rules.systems.mode === 'configured') checkSystems(candidate, ordinal)
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
    const names = mapping.data === undefined ? (['source', 'target'] as const) : ['target' as const]
    for (const name of names) {
      if (rules.systems.has(mapping[name])) continue
      const detail = unknownSystem(mapping[name], rules.systems)
      problems.add('unknown_system', [...place(ordinal), name], detail)
    }
  }

  function checkExpressions({ transformation = {} }: Mapping, ordinal: number): void {
    for (const { path, detail } of expressions.check(transformation)) {
      problems.add('invalid_expression', [...place(ordinal), 'transformation', ...path], detail)
    }
  }
}

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
