import type { Json } from '../../core/units.ts'
import type { Stretch } from '../../core/walk.ts'

/** The columns that mappings take up in the form in which they came, beside those that all have. */
export interface IntakeColumns {
  readonly hasTransformations: boolean
  /** A column for each field of their records; or one for all, in JSON. */
  readonly data: readonly string[] | 'json'
}

/** Columns that mean something else, or nothing. */
const TAKEN = new Set([
  '',
  'id',
  'source',
  'target',
  'transformation',
  'data',
  'error',
  '__proto__',
])

/** Intake takes no table that is much wider. */
const FIELDS_MAX = 900

/**
 * The columns in which mappings come out as they went in. Their records get a column for each field if
 * all of them have the same, and nothing but texts in them, as those from CSV do: a cell cannot tell a
 * number from a text, nor nothing from an empty one.
 */
export async function columnsOf(walked: AsyncIterable<Stretch>): Promise<IntakeColumns> {
  let hasTransformations = false
  let data: readonly string[] | 'json' | null = null
  for await (const { results } of walked) {
    for (const mapping of results) {
      hasTransformations ||= mapping.transformation !== undefined
      const fields = fieldsOf(mapping.data)
      if (data === null) data = fields
      else if (!isSame(data, fields)) data = 'json'
    }
    if (hasTransformations && data === 'json') break
  }
  return { hasTransformations, data: data ?? [] }
}

/** The fields of a record that may have a column each; none where there is no record. */
function fieldsOf(data: Json | undefined): readonly string[] | 'json' {
  if (data === undefined) return []
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return 'json'
  const fields = Object.entries(data)
  const isFlat = fields.every(([name, value]) => typeof value === 'string' && !TAKEN.has(name))
  const isFew = fields.length > 0 && fields.length <= FIELDS_MAX
  return isFlat && isFew ? fields.map(([name]) => name) : 'json'
}

function isSame(a: readonly string[] | 'json', b: readonly string[] | 'json'): boolean {
  if (a === 'json' || b === 'json') return a === b
  return a.length === b.length && b.every((name, at) => a[at] === name || a.includes(name))
}
