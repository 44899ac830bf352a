import { onTestFinished } from 'vitest'
import type { Json, JsonObject } from '../../src/core/units.ts'
import type { Input, Transform, Transformed } from '../../src/deliver/transform/job.ts'
import { openTransformer } from '../../src/deliver/transform/transformer.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'

/** For tests in which no transformation holds an expression. */
export const literalOnly: Transform = () => {
  throw new Error('nothing is computed here')
}

const COORDINATES = { id: 'map_001', source: 'crm', target: 'shop', metadata: { run: 'nightly' } }

/** What the expressions of a mapping see; without a record where that is undefined. */
function inputWith(record: Json | undefined): Input {
  return record === undefined ? COORDINATES : { ...COORDINATES, record }
}

/** Computes one transformation of a record. */
export type Compute = (transformation: JsonObject, record?: Json) => Promise<Transformed>

/** A clock by which a deadline is ten times as far away: for what a busy machine may take long to bring down. */
export const PATIENT: Clock = {
  now: () => systemClock.now(),
  after: (delay, callback) => systemClock.after(10 * delay, callback),
}

/** A transformer for many tests; whoever asks for it closes it. */
export function shareTransformer(
  signal = new AbortController().signal,
  clock = systemClock,
): {
  readonly compute: Compute
  readonly close: () => Promise<void>
} {
  const { transform, close } = openTransformer({
    clock,
    onUnavailable: (reason) => {
      throw new Error(reason)
    },
  })
  return {
    compute: (transformation, record) => transform(transformation, inputWith(record), signal),
    close,
  }
}

/** A transformer for one test, gone when the test is over. */
export function startTransformer(signal?: AbortSignal, clock?: Clock): Compute {
  const { compute, close } = shareTransformer(signal, clock)
  onTestFinished(close)
  return compute
}

/** Expressions that would bring down the process they run in, and what becomes of their mapping. */
export const HOSTILE: Readonly<Record<string, readonly [expression: string, code: string]>> = {
  'a catastrophic regular expression': ['$match(record, /^(a+)+$/)', 'transformation_timeout'],
  'an endless loop': ['($f := function($n) { $f($n) }; $f(1))', 'transformation_timeout'],
  'a date picture that backtracks': [
    `$toMillis($join([1..3000].("1")) & "x", "${'[f1]'.repeat(6)}")`,
    'transformation_timeout',
  ],
  'recursion without end': ['($f := function($n) { 1 + $f($n) }; $f(1))', 'transformation_crashed'],
  'a list that eats all memory': [
    '$map([1..10000000], function() { [1..1000] })',
    'transformation_crashed',
  ],
  'a string that doubles until it is longer than a string can be': [
    '$length($reduce([1..40], function($text, $_) { $text & $text }, "0123456789"))',
    'transformation_failed',
  ],
  'a string that doubles until memory is full': [
    '$length($reduce([1..25], function($text, $_) { $text & $text }, "0123456789"))',
    'transformation_crashed',
  ],
  'padding to fifty million characters': ['$pad("x", 50000000)', 'transformation_failed'],
  'a list that holds itself twice, again and again': [
    '$reduce([1..28], function($list, $_) { [[$list, $list]] }, [1])',
    'transformation_failed',
  ],
}

/** What the hostile regular expression chokes on. */
export const HOSTILE_RECORD = `${'a'.repeat(40)}b`
