import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SOURCE, TARGET } from './mappings.ts'

/** How many calls to the target may run at once, where nothing else is said. */
export const CONCURRENCY = 64

/** Writes a systems file in which the target answers at `url`; gives its path. */
export function httpSystems(directory: string, url: string, concurrency = CONCURRENCY): string {
  const path = join(directory, 'systems.yaml')
  writeFileSync(
    path,
    `systems:
  ${SOURCE}: {kind: simulated}
  ${TARGET}: {kind: http, base_url: '${url}', concurrency: ${concurrency},
    allow_private: [127.0.0.0/8]}
`,
  )
  return path
}
