import Type from 'typebox'
import Compile from 'typebox/compile'
import { isCallbackName } from '../core/callback.ts'
import type { Mapping } from '../core/mapping.ts'
import { isAddressable } from '../core/system.ts'
import { crop } from './crop.ts'
import { explain, type Fault } from './explain.ts'
import { ExpressionChecker } from './expression.ts'
import { MappingSchema } from './schema.ts'
import type { SystemCatalogue } from './systems.ts'
import { UnknownSystems } from './unknown-systems.ts'

/** How many systems one request may write to. */
const TARGETS_MAX = 1000

const NONE: readonly Fault[] = []

/** Checks the mappings of one request, but for whether two have one id. */
export class MappingChecks {
  readonly #systems: SystemCatalogue
  readonly #unknownSystems: UnknownSystems
  readonly #targets = new Set<string>()
  readonly #expressions = new ExpressionChecker()

  constructor(systems: SystemCatalogue) {
    this.#systems = systems
    this.#unknownSystems = new UnknownSystems(systems)
  }

  /** Whether this took so long that others in the thread should have their turn; to be asked now and then. */
  isTurnOver(): boolean {
    return this.#expressions.isTurnOver()
  }

  /**
   * All that is wrong with a mapping beyond its shape, each at its place in it.
   *
   * @param lookForExpressions whether it may hold any
   */
  faultsOf(mapping: Mapping, lookForExpressions: boolean): readonly Fault[] {
    const isCounted = this.#countTarget(mapping.target)
    const areAnyGood = this.#systems.mode === 'demo' && !isReserved(mapping)
    if (isCounted && areAnyGood && !lookForExpressions) return NONE
    return [
      ...(isCounted ? [] : [TOO_MANY_TARGETS]),
      ...(areAnyGood ? [] : this.#faultsOfSystems(mapping)),
      ...(lookForExpressions ? this.#faultsOfExpressions(mapping) : []),
    ]
  }

  /** A target as the lane of something that is not taken; empty for what can be none, or is one too many. */
  laneOf(target: unknown): string {
    return isName(target) && this.#countTarget(target) ? target : ''
  }

  /** False where it is one more than a request may have. */
  #countTarget(target: string): boolean {
    if (this.#targets.has(target)) return true
    if (this.#targets.size === TARGETS_MAX) return false
    this.#targets.add(target)
    return true
  }

  #faultsOfSystems(mapping: Mapping): readonly Fault[] {
    return (['source', 'target'] as const).flatMap((name): Fault[] => {
      const unusable = unusableName(mapping[name])
      if (unusable !== null) return [{ ...unusable, path: [name] }]
      const isCalled = name === 'target' || mapping.data === undefined
      if (!isCalled || this.#systems.has(mapping[name])) return []
      const detail = this.#unknownSystems.detailOf(mapping[name])
      return [{ code: 'unknown_system' as const, path: [name], detail }]
    })
  }

  #faultsOfExpressions({ transformation = {} }: Mapping): readonly Fault[] {
    return this.#expressions.check(transformation).map(({ path, detail }) => {
      return { code: 'invalid_expression', path: ['transformation', ...path], detail }
    })
  }
}

function isReserved({ source, target }: Mapping): boolean {
  return unusableName(source) !== null || unusableName(target) !== null
}

/** Why no system can have this name; null where one can. */
function unusableName(name: string): Pick<Fault, 'code' | 'detail'> | null {
  if (isCallbackName(name)) return OF_CALLBACKS
  return isAddressable(name) ? null : WITHOUT_ADDRESS
}

const OF_CALLBACKS = {
  code: 'reserved_name',
  detail: 'Names that begin with callback: are for callbacks; ask for one with callback_url.',
} as const

const WITHOUT_ADDRESS = {
  code: 'reserved_name',
  detail: 'A system named . or .. would have no address: choose another name for it.',
} as const

const TOO_MANY_TARGETS: Fault = {
  code: 'too_many_targets',
  path: ['target'],
  detail: `Write to at most ${TARGETS_MAX} systems in one request.`,
}

const whole = Compile(MappingSchema)
/** The same but for unknown keys, which are found four times as fast by hand. */
const open = Compile(Type.Object(MappingSchema.properties))
const KEYS = new Set(Object.keys(MappingSchema.properties))

/** A candidate that has the shape of a mapping; null for another. */
export function asMapping(candidate: unknown): Mapping | null {
  return isMapping(candidate) ? candidate : null
}

function isMapping(value: unknown): value is Mapping {
  if (!open.Check(value)) return false
  for (const key in value) if (!KEYS.has(key)) return false
  return true
}

/** What is wrong with the shape of a candidate that is no mapping, each at its place in it. */
export function faultsOfShape(candidate: unknown): readonly Fault[] {
  return explain(whole.Errors(crop(candidate, KEYS)), [])
}

const name = Compile(MappingSchema.properties.target)
const id = Compile(MappingSchema.properties.id)

/** Whether a value may be the name of a system. */
export function isName(value: unknown): value is string {
  return name.Check(value)
}

/** Whether a value may be the id of a mapping. */
export function isId(value: unknown): value is string {
  return id.Check(value)
}
