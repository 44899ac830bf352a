import type { Terms } from './terms.ts'

/**
 * A request made of a JSON text that is one, or only a list of mappings. It stays text, because reading
 * JSON and writing it again would round its large numbers and drop its doubled keys, which Sluice
 * refuses. Null where it is neither.
 *
 * @param terms go in place of what the text says
 */
export async function requestText(text: string, terms: Terms): Promise<string | null> {
  const start = text.trimStart().at(0)
  if (start !== '{' && start !== '[') return null
  let body = start === '{' ? text : `{"mappings":${text}}`
  for (const [path, value] of fieldsOf(terms)) {
    if (value !== undefined) body = await withField(body, path, value)
  }
  return body
}

type Field = readonly [path: string[], value: string | number | undefined]

function fieldsOf(terms: Terms): readonly Field[] {
  const notes = Object.entries(terms.metadata ?? {})
  return [
    [['priority'], terms.priority],
    [['batch_size'], terms.batchSize],
    [['not_before'], terms.notBefore],
    [['expires_in'], terms.expiresIn],
    [['callback_url'], terms.callbackUrl],
    ...notes.map(([key, value]): Field => [['metadata', key], value]),
  ]
}

async function withField(body: string, path: string[], value: string | number): Promise<string> {
  const { applyEdits, modify } = await import('jsonc-parser')
  return applyEdits(body, modify(body, path, value, {}))
}
