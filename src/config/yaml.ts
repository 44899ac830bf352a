import { type Document, isNode, LineCounter, parseDocument, visit } from 'yaml'
import {
  hasReference,
  hideReferences,
  maskReferences,
  resolveReferences,
  type Surroundings,
} from './secrets.ts'

/** Something wrong with a file. */
export interface Problem {
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  /** What is wrong and how to mend it; never a value. */
  readonly message: string
}

export interface YamlFile {
  readonly value: unknown
  /** The same with a mask in the place of every reference. */
  readonly shown: unknown
  readonly problems: readonly Problem[]
  /** References to what is not there: an empty text is in the place of each. */
  readonly missing: readonly Problem[]
  /** A problem with what is at `path`, or at the nearest place that is there. */
  problemAt(path: readonly string[], message: string): Problem
}

/** Reads a YAML text with every reference in its values resolved. Never throws. */
export function readYaml(text: string, file: string, surroundings: Surroundings): YamlFile {
  const lines = new LineCounter()
  const document = parseDocument(hideReferences(text), { lineCounter: lines })
  const problemAtOffset = (offset: number, message: string): Problem => ({
    file,
    line: lines.linePos(offset).line,
    message,
  })
  // The reader's own sentences quote the file, which may hold secrets; its codes do not.
  const problems = [...document.errors, ...document.warnings].map(({ code, pos }) =>
    problemAtOffset(pos[0], `is not valid YAML: ${code.toLowerCase().replaceAll('_', ' ')}`),
  )

  const missing: Problem[] = []
  const resolvers: (() => void)[] = []
  visit(document, {
    Scalar(key, node) {
      const { value: hidden } = node
      if (typeof hidden !== 'string' || !hasReference(hidden)) return
      const problem = (message: string) => problemAtOffset(node.range?.[0] ?? 0, message)
      if (key === 'key') {
        problems.push(problem('a name cannot hold a reference; only a value can'))
        return
      }
      node.value = maskReferences(hidden)
      resolvers.push(() => {
        node.value = resolveReferences(hidden, surroundings, (message) => {
          missing.push(problem(message))
        })
      })
    },
  })
  const shown = plain(document)
  for (const resolve of resolvers) resolve()
  const value = plain(document)
  if (value === undefined) {
    problems.push(problemAtOffset(0, 'has an alias that is unknown or used too often'))
  }

  return {
    value,
    shown,
    problems,
    missing,
    problemAt: (path, message) =>
      problemAtOffset(
        offsetOf(document, path),
        [path.join('.'), message].filter(Boolean).join(' '),
      ),
  }
}

/** Undefined where it has aliases that are unknown, or so many that the text would grow without bound. */
function plain(document: Document): unknown {
  try {
    return document.toJS()
  } catch {
    return undefined
  }
}

function offsetOf(document: Document, path: readonly string[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}
