import type { Mapping } from '../core/mapping.ts'
import type { Outcome } from '../core/outcome.ts'
import { traceparent } from '../core/trace.ts'
import type { Json } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import { holdsExpressions } from '../lib/expression.ts'
import { Bundles } from './bundle.ts'
import type { Bulk, Call, Connection } from './kind.ts'
import { inputOf, payload } from './template.ts'
import type { Transform } from './transform/job.ts'
import type { Step, Turns } from './turns.ts'

/** One attempt at one mapping. */
export interface Task {
  readonly request: string
  readonly ordinal: number
  readonly mapping: Mapping
  /** The request's, for expressions to see; null where it is known that there are none. */
  readonly metadata: Readonly<Record<string, string>> | null
  /** Aborted when nothing more of its request may start: a call under way goes on, and no other begins. */
  readonly closed: AbortSignal
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

/**
 * Delivers through the systems that `find` knows, at the time of each attempt. Only what holds
 * expressions goes to `transform`; what goes to a system that takes many in a call shares one.
 */
export function deliverer(find: FindConnection, transform: Transform, clock: Clock): Deliver {
  const bundles = new Map<string, Bundles>()

  async function readAndWrite(
    read: NonNullable<Connection['read']>,
    target: Connection,
    task: Task,
    call: Call,
    turns: Turns,
  ): Promise<Outcome> {
    if (task.closed.aborted) return INTERRUPTED
    const system = call.mapping.source
    const turn = turns.take(system, 'read', task.closed)
    const mayCall: boolean = typeof turn === 'boolean' ? turn : await turn
    const answer = mayCall && !isCalledOff(call, task.closed) ? await read(call) : INTERRUPTED
    turns.give(system, 'read', mayCall ? answer : null)
    return answer.kind === 'record'
      ? shapeAndWrite(target, task, call, answer.record, turns)
      : answer
  }

  function shapeAndWrite(
    target: Connection,
    { mapping, metadata, closed }: Task,
    call: Call,
    record: Json | undefined,
    turns: Turns,
  ): Promise<Outcome> {
    const { transformation } = mapping
    if (metadata === null || transformation === undefined || !holdsExpressions(transformation)) {
      return write(target, call, payload(mapping, record), turns, closed)
    }
    const input = inputOf(mapping, metadata, record)
    return transform(transformation, input, call.signal).then((shaped) =>
      shaped.kind === 'payload' ? write(target, call, shaped.payload, turns, closed) : shaped,
    )
  }

  function write(
    target: Connection,
    call: Call,
    body: Json,
    turns: Turns,
    closed: AbortSignal,
  ): Promise<Outcome> {
    if (closed.aborted) return Promise.resolve(INTERRUPTED)
    return target.bulk === null
      ? writeAlone(target, call, body, turns, closed)
      : bundlesFor(call.mapping.target, target.bulk, turns).write(call, body, closed)
  }

  function bundlesFor(system: string, bulk: Bulk, turns: Turns): Bundles {
    const known = bundles.get(system)
    if (known !== undefined) return known
    const made = new Bundles(system, bulk, turns, clock)
    bundles.set(system, made)
    return made
  }

  return (task, turns, signal) => {
    const { mapping, request, ordinal } = task
    const target = find(mapping.target)
    if (target === null) return Promise.resolve(unknownSystem('write', mapping.target))
    const idempotencyKey = `${request}:${ordinal}`
    const trace = traceparent(request, ordinal)
    const call: Call = { mapping, request, idempotencyKey, traceparent: trace, signal }
    if (mapping.data !== undefined) return shapeAndWrite(target, task, call, mapping.data, turns)
    const source = find(mapping.source)
    if (source === null) return Promise.resolve(unknownSystem('read', mapping.source))
    if (source.read === null) return shapeAndWrite(target, task, call, undefined, turns)
    return readAndWrite(source.read, target, task, call, turns)
  }
}

async function writeAlone(
  target: Connection,
  call: Call,
  body: Json,
  turns: Turns,
  closed: AbortSignal,
): Promise<Outcome> {
  const system = call.mapping.target
  const turn = turns.take(system, 'write', closed)
  const mayCall: boolean = typeof turn === 'boolean' ? turn : await turn
  const isWanted = mayCall && !isCalledOff(call, closed)
  const answer = isWanted ? await target.write(call, body) : INTERRUPTED
  turns.give(system, 'write', mayCall ? answer : null)
  return answer
}

function isCalledOff({ signal }: Call, closed: AbortSignal): boolean {
  return signal.aborted || closed.aborted
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
