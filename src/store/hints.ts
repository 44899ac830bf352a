import type { WorkHint } from './store.ts'

/** Gathers hints until they are sent. Many inserts into a lane come to one hint. */
export interface HintBuffer {
  add(hint: WorkHint): void
  /** Empties it. */
  take(): readonly WorkHint[]
}

/** Of a lane, it keeps one hint that there is work, the lowest, and one that its system has changed. */
export function hintBuffer(): HintBuffer {
  let hints = new Map<string, WorkHint>()
  return {
    add(hint) {
      const key = `${hint.rank === null ? 'system' : 'work'} ${hint.lane}`
      const known = hints.get(key)?.rank ?? Number.POSITIVE_INFINITY
      if (hint.rank === null || hint.rank < known) hints.set(key, hint)
    },
    take() {
      const taken = [...hints.values()]
      hints = new Map()
      return taken
    },
  }
}
