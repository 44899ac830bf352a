import type { Mapping } from '../core/mapping.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Json } from '../core/units.ts'
import type { Call, Connection, ReadAnswer } from './kind.ts'
import { payload } from './template.ts'

/** One attempt at one mapping. */
export interface Task {
  readonly request: string
  readonly ordinal: number
  readonly mapping: Mapping
}

/** Whose turn it is to call a system. A turn is taken for one call, and given back after it. */
export interface Turns {
  /** Null where the turn is there at once. */
  take(system: string): Promise<void> | null
  give(system: string): void
}

/**
 * Carries one mapping out: read → transform → write. The first step that does not succeed ends it.
 * It never rejects: every ending is an outcome.
 *
 * @param signal ends the call under way, as `interrupted`
 */
export type Deliver = (task: Task, turns: Turns, signal: AbortSignal) => Promise<Outcome>

/** Finds a system by name; null where it does not exist (any more). */
export type FindConnection = (system: string) => Connection | null

export function deliverer(find: FindConnection): Deliver {
  return async (task, turns, signal) => {
    const { mapping, request, ordinal } = task
    const target = find(mapping.target)
    if (target === null) return unknownSystem('write', mapping.target)
    const call: Call = { mapping, request, idempotencyKey: `${request}:${ordinal}`, signal }
    let record: Json | undefined = mapping.data
    if (record === undefined) {
      const source = find(mapping.source)
      if (source === null) return unknownSystem('read', mapping.source)
      if (source.read !== null) {
        const answer = await read(source.read, call, turns)
        if (answer.kind !== 'record') return answer
        record = answer.record
      }
    }
    return write(target, call, payload(mapping, record), turns)
  }
}

async function read(
  from: NonNullable<Connection['read']>,
  call: Call,
  turns: Turns,
): Promise<ReadAnswer> {
  const system = call.mapping.source
  const turn = turns.take(system)
  if (turn !== null) await turn
  try {
    return call.signal.aborted ? { kind: 'interrupted' } : await from(call)
  } finally {
    turns.give(system)
  }
}

async function write(target: Connection, call: Call, body: Json, turns: Turns): Promise<Outcome> {
  const system = call.mapping.target
  const turn = turns.take(system)
  if (turn !== null) await turn
  try {
    return call.signal.aborted ? { kind: 'interrupted' } : await target.write(call, body)
  } finally {
    turns.give(system)
  }
}

function unknownSystem(stage: 'read' | 'write', system: string): Outcome {
  return {
    kind: 'impossible',
    stage,
    code: 'unknown_system',
    message: `No system is named "${system}" in the systems file (any more).`,
  }
}
