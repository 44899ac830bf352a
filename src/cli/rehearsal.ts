import type { JsonObject, Rehearsal, RehearsedLane, RehearsedMapping } from '../client/index.ts'
import { grouped } from '../core/quantity.ts'
import { counted, duration } from './numbers.ts'
import { type Output, printable, styled } from './output.ts'
import { cut } from './table.ts'

/** What would come of a request, for people: all of it, then each lane, then the first mappings. */
export function rehearsalText(rehearsal: Rehearsal, output: Output): string {
  const { lanes, mappings } = rehearsal
  return [
    reception(rehearsal, output),
    ...lanes.map((lane) => laneText(lane, output)),
    ...mappings.map((mapping) => mappingText(mapping, output)),
  ].join('\n\n')
}

function reception(rehearsal: Rehearsal, output: Output): string {
  const { would_be, replay_of, problem, total_mappings, priority, batches } = rehearsal
  const cutting = `${counted(total_mappings, 'mapping')} at ${priority}, in ${batchesOf(batches)}`
  const size = `${cutting}, done ${within(rehearsal.predicted_seconds)}.${skipped(rehearsal)}`
  switch (would_be) {
    case 'accepted':
      return `It would be ${styled('green', 'accepted', output)}: ${size}`
    case 'replayed':
      return `It would ${styled('yellow', 'not be taken again', output)}: the key stands for ${printable(replay_of ?? '')}.`
    case 'refused':
      return `It would be ${styled('red', 'refused', output)} now: ${printable(problem?.detail ?? '')}\nOr else: ${size}`
  }
}

function skipped({ skipped_mappings: count }: Rehearsal): string {
  if (count === 0) return ''
  const fate = count === 1 ? 'is not good, and would fail' : 'are not good, and would fail'
  return ` ${grouped(count)} of them ${fate}.`
}

function laneText(lane: RehearsedLane, output: Output): string {
  const { target, kind, mappings, batches, predicted_seconds, because } = lane
  const name = styled('bold', printable(target), output)
  const size = `${counted(mappings, 'mapping')} in ${batchesOf(batches)}`
  const head = `${name} (${printable(kind)}): ${size}, ${within(predicted_seconds)}`
  return `${head}\n  ${printable(because)}`
}

function mappingText(mapping: RehearsedMapping, output: Output): string {
  const { id, source, target, read, write, payload, error, notes } = mapping
  const unread = mapping.depends_on_record.join(', ')
  const lines: readonly (readonly [name: string, value: string])[] = [
    ['reads', read === null ? '' : callText(read)],
    ['writes', write === null ? '' : callText(write.call)],
    ['payload', payload === null ? '' : JSON.stringify(payload)],
    ['of the record', unread],
    ['fails', error === null ? '' : `${error.code}: ${error.message}`],
    ['note', notes.join(' ')],
  ]
  const shown = lines.filter(([, value]) => value !== '')
  return [
    `${styled('bold', printable(id), output)}: ${printable(source)} → ${printable(target)}`,
    ...shown.map(([name, value]) => `  ${name.padEnd(14)}${cut(value, SHOWN_MAX)}`),
  ].join('\n')
}

/** Longer calls and payloads are cut; `--json` has them whole. */
const SHOWN_MAX = 300

/** HTTP as people write it, any other kind as it comes. */
function callText(call: JsonObject): string {
  const { method, url } = call
  const isHttp = typeof method === 'string' && typeof url === 'string'
  return isHttp ? `${method} ${url}` : JSON.stringify(call)
}

function batchesOf(count: number): string {
  return count === 1 ? '1 batch' : `${grouped(count)} batches`
}

function within(seconds: number | null): string {
  return seconds === null ? 'nobody can tell when' : `in about ${duration(seconds)}`
}
