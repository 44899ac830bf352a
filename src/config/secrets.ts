import { MASK } from '../core/preview.ts'

/**
 * `${NAME}` and `${file:/path}` in the systems file. YAML gives braces a meaning of their own, so
 * references are put into characters that it has no use for before it reads the text, one for one,
 * so that every line and column stays where it was.
 */
const OPEN = '\uE000\uE000'
const CLOSE = '\uE001'

/** Hides every reference from the YAML reader. */
export function hideReferences(text: string): string {
  return text.replaceAll(/\$\{([^{}\n]*)\}/g, `${OPEN}$1${CLOSE}`)
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Gives the text of a file, or throws. */
  readonly readFile: (path: string) => string
}

/** Puts what they stand for in the place of hidden references; `report` hears what is missing. */
export function resolveReferences(
  text: string,
  { env, readFile }: Surroundings,
  report: (message: string) => void,
): string {
  return text.replaceAll(/\uE000\uE000([^\uE001]*)\uE001/g, (_, reference: string) => {
    if (reference.startsWith('file:')) return fromFile(reference.slice('file:'.length))
    return fromEnv(reference)
  })

  function fromEnv(name: string): string {
    const value = env[name]
    if (!/^\w+$/.test(name)) report('a reference names a variable, or a file as in file:/path')
    else if (!value) report(`the environment variable ${name} is not set`)
    return value ?? ''
  }

  function fromFile(path: string): string {
    try {
      return readFile(path).replace(/\r?\n$/, '')
    } catch {
      report(`the file ${path} cannot be read`)
      return ''
    }
  }
}

/** Puts a mask in the place of hidden references. */
export function maskReferences(text: string): string {
  return text.replaceAll(/\uE000\uE000[^\uE001]*\uE001/g, MASK)
}

/** Whether a text holds a hidden reference. */
export function hasReference(text: string): boolean {
  return text.includes(OPEN)
}
