import type { Preview, Shown } from './kind.ts'

/** The call of a kind that has nothing to show. */
export const NOT_SHOWN: Shown = {
  kind: 'hidden',
  because: 'Systems of this kind do not show their calls.',
}

/**
 * A preview that never throws, as one may that somebody else wrote, or that stumbles over what is
 * masked in its config. What it says then may be anything, and is not told.
 */
export function guarded(open: () => Preview): Preview {
  const opened = attempt(open)
  if (opened === null) return FAILING
  const { latency, read } = opened
  return {
    latency,
    read: read && ((call) => attempt(() => read(call)) ?? FAILED),
    write: (deliveries) => attempt(() => opened.write(deliveries)) ?? deliveries.map(() => FAILED),
  }
}

function attempt<T>(action: () => T): T | null {
  try {
    return action()
  } catch {
    return null
  }
}

const FAILED: Shown = {
  kind: 'hidden',
  because: 'The kind of this system could not show its call.',
}

const FAILING: Preview = {
  latency: null,
  read: () => FAILED,
  write: (deliveries) => deliveries.map(() => FAILED),
}
