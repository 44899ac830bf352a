import type { Outcome } from '../core/outcome.ts'
import type { ReadAnswer } from './kind.ts'

/** Whose turn it is to call a system. A turn is taken for one call, and given back after it. */
export interface Turns {
  /**
   * Whether the call may be made, where that is known at once. The turn is to be given back anyway.
   *
   * @param closed ends the wait for a turn: it comes, and no call is to be made of it
   */
  take(system: string, step: Step, closed?: AbortSignal): boolean | Promise<boolean>
  /**
   * Gives a turn back, with what the call brought: whoever comes next shall know it. Null where the call
   * was not to be made.
   */
  give(system: string, step: Step, answer: Answer | null): void
}

/** What a call to a system brought. */
export type Answer = Outcome | ReadAnswer

/** The steps that call a system. */
export type Step = 'read' | 'write'
