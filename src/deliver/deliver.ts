import type { Mapping } from '../core/mapping.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Json } from '../core/units.ts'
import { holdsExpressions } from '../lib/expression.ts'
import type { Call, Connection, ReadAnswer } from './kind.ts'
import { payload } from './template.ts'
import type { Transform } from './transform/job.ts'

/** One attempt at one mapping. */
export interface Task {
  readonly request: string
  readonly ordinal: number
  readonly mapping: Mapping
  /** The request's, for expressions to see; null where it is known that there are none. */
  readonly metadata: Readonly<Record<string, string>> | null
}

/** Whose turn it is to call a system. A turn is taken for one call, and given back after it. */
export interface Turns {
  /** Whether the call may be made, where that is known at once. The turn is to be given back anyway. */
  take(system: string, step: Step): boolean | Promise<boolean>
  /** Gives a turn back, with what the call brought: whoever comes next shall know it. */
  give(system: string, step: Step, answer: Answer): void
}

/** What a call to a system brought. */
export type Answer = Outcome | ReadAnswer

/** The steps that call a system. */
export type Step = 'read' | 'write'

/**
 * Carries one mapping out: read → transform → write. The first step that does not succeed ends it.
 * It never rejects: every ending is an outcome.
 *
 * @param signal ends the call under way, as `interrupted`
 */
export type Deliver = (task: Task, turns: Turns, signal: AbortSignal) => Promise<Outcome>

/** Finds a system by name; null where it does not exist (any more). */
export type FindConnection = (system: string) => Connection | null

/**
 * Delivers through the systems that `find` knows, at the time of each attempt. Only what holds
 * expressions goes to `transform`.
 */
export function deliverer(find: FindConnection, transform: Transform): Deliver {
  async function readAndWrite(
    read: NonNullable<Connection['read']>,
    target: Connection,
    task: Task,
    call: Call,
    turns: Turns,
  ): Promise<Outcome> {
    const system = call.mapping.source
    const turn = turns.take(system, 'read')
    const mayCall = typeof turn === 'boolean' ? turn : await turn
    const answer = mayCall && !call.signal.aborted ? await read(call) : INTERRUPTED
    turns.give(system, 'read', answer)
    return answer.kind === 'record'
      ? shapeAndWrite(target, task, call, answer.record, turns)
      : answer
  }

  function shapeAndWrite(
    target: Connection,
    { mapping, metadata }: Task,
    call: Call,
    record: Json | undefined,
    turns: Turns,
  ): Promise<Outcome> {
    const { transformation } = mapping
    if (metadata === null || transformation === undefined || !holdsExpressions(transformation)) {
      return write(target, call, payload(mapping, record), turns)
    }
    const { id, source, target: name } = mapping
    const coordinates = { id, source, target: name, metadata }
    const input = record === undefined ? coordinates : { ...coordinates, record }
    return transform(transformation, input, call.signal).then((shaped) =>
      shaped.kind === 'payload' ? write(target, call, shaped.payload, turns) : shaped,
    )
  }

  return (task, turns, signal) => {
    const { mapping, request, ordinal } = task
    const target = find(mapping.target)
    if (target === null) return Promise.resolve(unknownSystem('write', mapping.target))
    const call: Call = { mapping, request, idempotencyKey: `${request}:${ordinal}`, signal }
    if (mapping.data !== undefined) return shapeAndWrite(target, task, call, mapping.data, turns)
    const source = find(mapping.source)
    if (source === null) return Promise.resolve(unknownSystem('read', mapping.source))
    if (source.read === null) return shapeAndWrite(target, task, call, undefined, turns)
    return readAndWrite(source.read, target, task, call, turns)
  }
}

async function write(target: Connection, call: Call, body: Json, turns: Turns): Promise<Outcome> {
  const system = call.mapping.target
  const turn = turns.take(system, 'write')
  const mayCall = typeof turn === 'boolean' ? turn : await turn
  const answer = mayCall && !call.signal.aborted ? await target.write(call, body) : INTERRUPTED
  turns.give(system, 'write', answer)
  return answer
}

const INTERRUPTED = { kind: 'interrupted' } as const

function unknownSystem(stage: Step, system: string): Outcome {
  return {
    kind: 'impossible',
    stage,
    code: 'unknown_system',
    message: `No system is named "${system}" in the systems file (any more).`,
  }
}
