import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../structure/sources.ts'

/** A fenced block of a document. */
export interface Fence {
  /** Counted from 1: the line of its opening. */
  readonly line: number
  /** The first word after the opening; nothing where there is none. */
  readonly language: string
  /** Why it is not run, where that is said: `not-run="…"` after the language. */
  readonly notRun: string | null
  readonly text: string
}

/** The fenced blocks of a document, in order. */
export function fencesIn(document: string): readonly Fence[] {
  const markdown = readFileSync(join(ROOT, document), 'utf8')
  return [...markdown.matchAll(/^```(\w*)(.*)\n([\s\S]*?)^```$/gm)].map((found) => {
    const [, language = '', more = '', text = ''] = found
    return {
      line: markdown.slice(0, found.index).split('\n').length,
      language,
      notRun: /not-run="([^"]+)"/.exec(more)?.[1] ?? null,
      text,
    }
  })
}
