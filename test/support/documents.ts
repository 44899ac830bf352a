/** The documents: every page of Markdown that people read. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../structure/sources.ts'

/** Their paths, from the root of the repository on. */
export const DOCUMENTS = [
  ...markdownIn('.'),
  ...markdownIn('docs'),
  ...markdownIn('examples'),
].sort()

function markdownIn(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: folder !== '.', encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
}

/** The text of a document. */
export function readDocument(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}
