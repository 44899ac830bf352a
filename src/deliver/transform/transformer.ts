/**
 * Computes transformations that hold expressions, in processes of their own, because no guard inside a
 * process stops a bad regular expression or a memory bomb.
 *
 * All share one process. When it overruns or dies, the mapping it was at is tried again alone, in a
 * second process, and fails only if it brings that one down as well; its neighbours go on at once in a
 * new first one. A transformation that did so is tried alone from then on: so whoever keeps sending it
 * waits for himself.
 */
import { grouped } from '../../core/quantity.ts'
import type { JsonObject } from '../../core/units.ts'
import type { Clock } from '../../lib/clock.ts'
import { startChild } from './child.ts'
import type { Answer, Input, Transform, Transformed } from './job.ts'
import { type Cause, DEADLINE_MS, Line, type Queued } from './line.ts'

/** How many mappings share a message, and have to begin anew when one of them ends the process. */
const TOGETHER = 100

/** How long the record and the transformation may be as JSON, both together. */
const INPUT_CHARACTERS_MAX = 4_000_000

/** How many transformations that must be tried alone are remembered; the oldest goes first. */
const SUSPECTS_MAX = 1000

export interface TransformerPorts {
  readonly clock: Clock
  /** No process can be started, for this reason. It is tried again, and what was asked waits. */
  readonly onUnavailable: (reason: string) => void
}

export interface Transformer {
  readonly transform: Transform
  /** Ends its processes. Nothing may be under way, or asked afterwards. */
  close(): Promise<void>
}

interface Asked extends Queued {
  /** The transformation, as JSON. */
  readonly template: string
  readonly end: (transformed: Transformed) => void
}

/** Starts nothing yet: the first process starts with the first expression. */
export function openTransformer({ clock, onUnavailable }: TransformerPorts): Transformer {
  const suspects = new Set<string>()
  const ports = { clock, start: startChild, onUnavailable }
  const alone = new Line<Asked>({ ...ports, together: 1, onCulprit: condemn })
  const shared = new Line<Asked>({
    ...ports,
    together: TOGETHER,
    onCulprit: (asked) => alone.add(asked),
  })

  function condemn({ template, end }: Asked, cause: Cause): void {
    suspects.delete(template)
    suspects.add(template)
    const [oldest] = suspects
    if (suspects.size > SUSPECTS_MAX && oldest !== undefined) suspects.delete(oldest)
    end(impossible(cause, ENDINGS[cause]))
  }

  function transform(
    transformation: JsonObject,
    input: Input,
    signal: AbortSignal,
  ): Promise<Transformed> {
    const template = JSON.stringify(transformation)
    const inputText = serialized(input)
    if (inputText === null) return Promise.resolve(TOO_DEEP)
    const text = `{"transformation":${template},"input":${inputText}}`
    if (text.length > INPUT_CHARACTERS_MAX) return Promise.resolve(TOO_LARGE)
    if (signal.aborted) return Promise.resolve(INTERRUPTED)
    return new Promise((resolve) => {
      const interrupt = () => end(INTERRUPTED)
      const asked = { text, template, isOver: false, answer: (it: Answer) => end(judged(it)), end }
      function end(transformed: Transformed): void {
        asked.isOver = true
        signal.removeEventListener('abort', interrupt)
        resolve(transformed)
      }
      signal.addEventListener('abort', interrupt)
      const line = suspects.has(template) ? alone : shared
      line.add(asked)
    })
  }

  return {
    transform,
    async close() {
      await Promise.all([shared.close(), alone.close()])
    },
  }
}

/** Null where it cannot be: a record from a source may be nested without bound. */
function serialized(input: Input): string | null {
  try {
    return JSON.stringify(input)
  } catch {
    return null
  }
}

function judged(answer: Answer): Transformed {
  return answer.kind === 'payload' ? answer : impossible('failed', answer.message)
}

function impossible(ending: Cause | 'failed', message: string): Transformed {
  return { kind: 'impossible', stage: 'transform', code: `transformation_${ending}`, message }
}

const ENDINGS: Readonly<Record<Cause, string>> = {
  timeout: `The expressions were not done within ${DEADLINE_MS} ms.`,
  crashed: 'The expressions took more memory than there is for them.',
}

const TOO_LARGE = impossible(
  'failed',
  'The record and the transformation are too large together to be computed with: ' +
    `more than ${grouped(INPUT_CHARACTERS_MAX)} characters.`,
)

const TOO_DEEP = impossible('failed', 'The record is nested too deeply to be computed with.')

const INTERRUPTED = { kind: 'interrupted' } as const
