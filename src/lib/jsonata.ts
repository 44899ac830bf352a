/** What can be said of an expression without evaluating it, and of one that could not be evaluated. */
import jsonata from 'jsonata'

/** Checking costs the square of how many steps a path has, and every step has its dot. */
const EXPRESSION_LIMITS = { characters: 4096, dots: 200 } as const

/** A sentence that says what is wrong with an expression, and how to mend it; null for nothing. */
export function faultOf(source: string): string | null {
  const { characters, dots } = EXPRESSION_LIMITS
  if (source.length > characters) return `An expression may have at most ${characters} characters.`
  if (source.split('.').length - 1 > dots) return `An expression may hold at most ${dots} dots.`
  if (/\$eval(?!\w)/.test(source)) {
    return '$eval is not available: an expression must be there to be checked when it is handed in.'
  }
  try {
    jsonata(source)
    return null
  } catch (thrown) {
    return `Not a valid JSONata expression: ${inWords(thrown)}.`
  }
}

/** What JSONata throws: no `Error`, and every field but the code may be missing. */
interface Thrown {
  readonly code: string
  readonly message?: string
  /** How far it had read. */
  readonly position?: number
  readonly token?: unknown
  readonly value?: unknown
  readonly value2?: unknown
  readonly exp?: unknown
}

const WORDS_MAX = 300

/**
 * What was thrown while an expression was parsed or evaluated, as part of a sentence. Nothing of the
 * record is repeated, nor of the expression but names of functions and operators; only the words that
 * the expression itself gave to `$error` or `$assert` are kept.
 */
export function inWords(thrown: unknown): string {
  if (thrown instanceof RangeError) return 'it goes too deep, or makes something too large'
  if (thrown instanceof SyntaxError) return 'it holds a regular expression that is not valid'
  if (!isThrown(thrown)) return 'it could not be evaluated'
  const { code, message = 'it could not be evaluated', position } = thrown
  const words = withoutEchoes(message, thrown).slice(0, WORDS_MAX).toWellFormed()
  const place = position === undefined ? '' : ` near character ${position}`
  return `${words.replace(/\.?\s*$/, '')} (${code}${place})`
}

function isThrown(thrown: unknown): thrown is Thrown {
  return (
    typeof thrown === 'object' &&
    thrown !== null &&
    'code' in thrown &&
    typeof thrown.code === 'string' &&
    (!('message' in thrown) || thrown.message === undefined || typeof thrown.message === 'string')
  )
}

const OPERATOR = /^[!#-&(-/:-@[-^{-~]{1,3}$/
const NAME = /^[a-zA-Z]{1,30}$/

/** JSONata repeats what it stumbled over, as JSON. */
function withoutEchoes(message: string, thrown: Thrown): string {
  const isSyntax = thrown.code.startsWith('S')
  const fields = [thrown.token, thrown.value, thrown.value2, thrown.exp]
  return fields
    .reduce<string>((words, field, index) => {
      const isToken = index === 0
      if (typeof field === 'string' && OPERATOR.test(field)) return words
      if (typeof field === 'string' && isToken && !isSyntax && NAME.test(field)) return words
      const echo: string | undefined = JSON.stringify(field)
      return echo === undefined ? words : words.replaceAll(echo, '…')
    }, message)
    .replace(/[:;,]? (?:got:? |Given |It was given |Attempted to allocate )?…\.?$/, '')
}
