import Compile from 'typebox/compile'
import type { Terms } from '../core/request.ts'
import type { EpochMs } from '../core/units.ts'
import { pathOf } from '../lib/json/pointer.ts'
import { readJson } from '../lib/json/read.ts'
import { type CallbackPolicy, checkCallback } from './callback.ts'
import { explain } from './explain.ts'
import { type Options, OptionsSchema } from './options.ts'
import { DEPTH_MAX } from './parse.ts'
import { Problems, type Refusal } from './problem.ts'
import { termsOf, timesOf } from './times.ts'

/** The options of a request as its address gives them, as far as a schema of texts can check them. */
export interface QueryOptions extends Omit<Options, 'metadata'> {
  /** A JSON object. */
  readonly metadata?: string
}

/** What a request asks for beyond its mappings, whole. */
export interface ReadOptions {
  readonly kind: 'read'
  readonly options: Options
  readonly terms: Terms
}

/** Reads the options of a request that has no room for them in its body; at `now`. */
export function readOptions(
  query: QueryOptions,
  callbacks: CallbackPolicy,
  now: EpochMs,
): ReadOptions | Refusal {
  const problems = new Problems()
  const { metadata: text, ...rest } = query
  const metadata = text === undefined ? undefined : readMetadata(text, problems)
  const options = metadata === undefined ? rest : { ...rest, metadata }
  const areGood = schema.Check(options)
  if (!areGood) {
    for (const { code, path, detail } of explain(schema.Errors(options), ['query'])) {
      problems.add(code, path, detail)
    }
  }
  const { callback_url: url } = rest
  const callback = url === undefined ? null : checkCallback(url, callbacks)
  if (callback?.ok === false)
    problems.add(callback.code, ['query', 'callback_url'], callback.detail)
  const times = termsOf(timesOf(options), now)
  if (!('notBefore' in times)) {
    for (const [name, detail] of times) problems.add('invalid_value', ['query', name], detail)
    return problems.refusal(null)
  }
  if (!problems.isEmpty || !areGood) return problems.refusal(null)
  const callbackUrl = callback?.ok ? callback.url : null
  const terms = { ...times, callbackUrl, retryOf: options.retry_of ?? null }
  return { kind: 'read', options, terms }
}

const schema = Compile(OptionsSchema)

/** What it holds; undefined where that cannot be read. */
function readMetadata(text: string, problems: Problems): unknown {
  const read = readJson(Buffer.from(text), { depth: DEPTH_MAX })
  if (read.ok) return read.value
  for (const { code, pointer, detail } of read.problems) {
    problems.add(code, ['query', 'metadata', ...pathOf(pointer)], detail)
  }
  return undefined
}
