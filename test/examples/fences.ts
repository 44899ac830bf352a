import { readDocument } from '../support/documents.ts'

/** A fenced block of a document. */
export interface Fence {
  /** Counted from 1: the line of its opening. */
  readonly line: number
  /** The first word after the opening; nothing where there is none. */
  readonly language: string
  /** Why it is not run, where that is said: `not-run="…"` after the language. */
  readonly notRun: string | null
  readonly text: string
  /** The block that comes next with nothing said in between: what this one gives. */
  readonly answer: Fence | null
}

/** The fenced blocks of a document, in order. */
export function fencesIn(document: string): readonly Fence[] {
  const markdown = readDocument(document)
  const found = [...markdown.matchAll(/^```(\w*)(.*)\n([\s\S]*?)^```$/gm)]
  const fences: Fence[] = []
  for (const [index, match] of [...found.entries()].reverse()) {
    const [whole, language = '', more = '', text = ''] = match
    const between = markdown.slice(match.index + whole.length, found[index + 1]?.index)
    fences.unshift({
      line: markdown.slice(0, match.index).split('\n').length,
      language,
      notRun: /not-run="([^"]+)"/.exec(more)?.[1] ?? null,
      text,
      answer: between.trim() === '' ? (fences[0] ?? null) : null,
    })
  }
  return fences
}
