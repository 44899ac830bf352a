import { once } from 'node:events'
import { styleText } from 'node:util'
import { chunksOf } from '../client/chunks.ts'

/** Where a command writes: what a script reads to stdout, what is only for people to stderr. */
export type Output = NodeJS.WriteStream

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

/** Colours `text` where `output` is a terminal and NO_COLOR is not set. */
export function styled(style: Style, text: string, output: Output): string {
  return styleText(style, text, { stream: output })
}

/** Where a terminal does not know how wide it is. */
const USUAL_WIDTH = 80

/** How many columns a terminal has. */
export function widthOf({ columns }: Output): number {
  return columns || USUAL_WIDTH
}

/** Writes a line, and waits while the reader is slow. */
export async function write(line: string, output: Output): Promise<void> {
  if (!output.write(`${line}\n`)) await once(output, 'drain')
}

/**
 * Writes lines of any number, no faster than they are read. On a terminal they are made harmless;
 * elsewhere every byte stays what it is, unless it is JSON, which stays the same JSON.
 */
export async function writeLines(
  lines: ReadableStream<Uint8Array>,
  form: 'ndjson' | 'csv',
  output: Output,
): Promise<void> {
  const decoder = new TextDecoder()
  const isChanged = output.isTTY || form === 'ndjson'
  for await (const chunk of chunksOf(lines)) {
    const piece = isChanged ? harmless(decoder.decode(chunk, { stream: true })) : chunk
    if (!output.write(piece)) await once(output, 'drain')
  }
}

/**
 * Text from elsewhere, made harmless for a terminal: control characters, which could move the cursor
 * or rewrite what is shown, become `\uXXXX`. JSON without line breaks stays the same JSON.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, escaped)
}

/** The same of lines: what ends them stays. */
function harmless(text: string): string {
  return text.replace(/(?!\r?\n)[\p{Cc}\p{Bidi_Control}]/gu, escaped)
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
