import { MASK } from '../../core/preview.ts'
import type { Call } from '../kind.ts'

/** Puts a call's mapping into a text. */
export type Template = (call: Call) => string

const PLACEHOLDER = /\{(id|source|target|request_id)\}/
/** The same, whole. */
const PARTS = /(\{(?:id|source|target|request_id)\})/

/** What a template may hold in braces, as the end of a sentence. */
export const PLACEHOLDERS =
  'can have {id}, {source}, {target} and {request_id} in braces, nothing else'

/** Whether every brace of a template belongs to a placeholder. */
export function isTemplate(template: string): boolean {
  return literals(template).every((literal) => !/[{}]/.test(literal))
}

function literals(template: string): string[] {
  return template.split(PLACEHOLDER).filter((_, place) => place % 2 === 0)
}

/** Whether the text differs from call to call. */
export function varies(template: string): boolean {
  return PLACEHOLDER.test(template)
}

/** A template that says nothing of its own: only what is put into it stays. */
export function maskLiterals(template: string): string {
  return template
    .split(PARTS)
    .map((part, place) => (place % 2 === 0 && part !== '' ? MASK : part))
    .join('')
}

/**
 * Compiles a template.
 *
 * @param escaped makes what is put in safe at its place
 */
export function compileTemplate(template: string, escaped: (value: string) => string): Template {
  const [head = '', ...parts] = template.split(PLACEHOLDER)
  if (parts.length === 0) return () => head
  return (call) => {
    let text = head
    for (const [place, part] of parts.entries()) {
      text += place % 2 === 0 ? escaped(field(call, part)) : part
    }
    return text
  }
}

function field({ mapping, request }: Call, name: string): string {
  switch (name) {
    case 'source':
      return mapping.source
    case 'target':
      return mapping.target
    case 'request_id':
      return request
    default:
      return mapping.id
  }
}
