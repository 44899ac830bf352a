import { readFileSync } from 'node:fs'

/** A certificate or a key of this folder; README.md tells what they are. */
export function pem(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}
