import { grouped } from '../core/quantity.ts'
import type { JsonObject } from '../core/units.ts'
import { expressionsIn, mayHoldExpressions } from '../lib/expression.ts'
import type { JsonPath } from '../lib/json/pointer.ts'
import { faultOf } from '../lib/jsonata.ts'

/** What one request may ask to be computed. Texts that repeat, as in most lists they do, count once. */
const LIMITS = { inTransformation: 100, charactersInRequest: 100_000 } as const

/**
 * After so many characters others in the thread should have their turn: all that a request may have take 200 ms
 * or more where each expression has but a few.
 */
const TURN_CHARACTERS = 500

/** What is wrong with one expression, and where in its transformation. */
export interface ExpressionFault {
  readonly path: JsonPath
  readonly detail: string
}

/** Whether a body as it came may hold an expression at all; `{` and `%` can be escaped. */
export function mayBringExpressions(body: string): boolean {
  return mayHoldExpressions(body) || body.includes('\\u')
}

/** Checks the expressions of one request, each distinct one once. */
export class ExpressionChecker {
  readonly #faults = new Map<string, string | null>()
  #characters = 0
  /** How many of them had been read when others had their last turn. */
  #atLastTurn = 0

  /** All that is wrong with the expressions of one transformation. */
  check(transformation: JsonObject): readonly ExpressionFault[] {
    const found = expressionsIn(transformation)
    if (found.length > LIMITS.inTransformation) {
      const detail = `A transformation may hold at most ${LIMITS.inTransformation} expressions.`
      return [{ path: [], detail }]
    }
    return found.flatMap(({ path, source }) => {
      const detail = this.#faultOf(source)
      return detail === null ? [] : [{ path, detail }]
    })
  }

  /** Whether so many were read that others should have their turn; it is taken as given. */
  isTurnOver(): boolean {
    if (this.#characters - this.#atLastTurn < TURN_CHARACTERS) return false
    this.#atLastTurn = this.#characters
    return true
  }

  #faultOf(source: string): string | null {
    const known = this.#faults.get(source)
    if (known !== undefined) return known
    this.#characters += source.length
    if (this.#characters > LIMITS.charactersInRequest) return TOO_MANY
    const fault = faultOf(source)
    this.#faults.set(source, fault)
    return fault
  }
}

const TOO_MANY =
  'The expressions of one request may have at most ' +
  `${grouped(LIMITS.charactersInRequest)} characters, each counted once. ` +
  'Put what differs into data, and let one expression read it from the record.'
