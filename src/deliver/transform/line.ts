import type { DurationMs } from '../../core/units.ts'
import type { Cancel, Clock } from '../../lib/clock.ts'
import type { Child, StartChild } from './child.ts'
import type { Answer, FromProcess } from './job.ts'

/** How long a job may keep its process, and all who wait behind it. */
export const DEADLINE_MS: DurationMs = 1000

/** A process may take so long to start; then, or when it cannot start, it is tried anew after a while. */
const START_MS: DurationMs = 30_000
const START_AGAIN_AFTER_MS: DurationMs = 1000

/** How long a message may be, save that it holds at least one job. */
const MESSAGE_CHARACTERS_MAX = 1_000_000

/** A job in line. */
export interface Queued {
  /** The `Job`, as JSON. */
  readonly text: string
  /** Nobody waits for it any more; then it is not sent. */
  readonly isOver: boolean
  readonly answer: (answer: Answer) => void
}

/** How a job brought its process down: it took too long, or more than there is. */
export type Cause = 'timeout' | 'crashed'

export interface LinePorts<Q extends Queued> {
  readonly clock: Clock
  readonly start: StartChild
  /** How many jobs may go to the process in one message. */
  readonly together: number
  /** The process came down while it was at this job. Those sent along with it are in line again. */
  readonly onCulprit: (job: Q, cause: Cause) => void
  /** No process could be started; the jobs wait until one can. */
  readonly onUnavailable: (reason: string) => void
}

/**
 * Jobs in line for one transformer process of their own, which starts when the first of them comes.
 * What comes within one turn of the event loop, or while the process is busy, goes to it in one
 * message. It answers job by job, and each answer begins the deadline of the next job: that of a whole
 * message is as long as what is in it is slow, and nothing waits for more than one overrun.
 */
export class Line<Q extends Queued> {
  readonly #ports: LinePorts<Q>
  #waiting: Q[] = []
  /** What was sent and is not answered; the process is at the first of them. */
  #sent: Q[] = []
  #child: Child | null = null
  #state: 'none' | 'starting' | 'ready' | 'failing' | 'closed' = 'none'
  #isOverrun = false
  #isGathering = false
  #cancelTimer: Cancel = () => {}
  #onGone = () => {}

  constructor(ports: LinePorts<Q>) {
    this.#ports = ports
  }

  add(job: Q): void {
    this.#waiting.push(job)
    if (this.#isGathering) return
    this.#isGathering = true
    queueMicrotask(() => {
      this.#isGathering = false
      this.#goOn()
    })
  }

  /** Ends the process, and resolves when it is gone. Nothing in line is answered any more. */
  async close(): Promise<void> {
    this.#state = 'closed'
    this.#cancelTimer()
    if (this.#child === null) return
    const gone = new Promise<void>((resolve) => {
      this.#onGone = resolve
    })
    this.#child.kill()
    await gone
  }

  #goOn(): void {
    this.#waiting = this.#waiting.filter(({ isOver }) => !isOver)
    if (this.#waiting.length === 0 || this.#sent.length > 0) return
    if (this.#state === 'none') this.#start()
    if (this.#state === 'ready') this.#send()
  }

  #start(): void {
    this.#state = 'starting'
    const child = this.#ports.start({
      onMessage: (message) => this.#hear(message),
      onEnd: (reason) => this.#ended(reason),
    })
    this.#child = child
    this.#after(START_MS, () => child.kill())
  }

  #send(): void {
    let characters = 0
    const count = this.#waiting.findIndex(({ text }, index) => {
      characters += text.length
      return index > 0 && (index === this.#ports.together || characters > MESSAGE_CHARACTERS_MAX)
    })
    this.#sent = this.#waiting.splice(0, count === -1 ? this.#waiting.length : count)
    this.#child?.send(this.#sent.map(({ text }) => text))
    this.#startDeadline()
  }

  #hear(message: FromProcess): void {
    if (this.#state === 'closed') return
    this.#cancelTimer()
    if (message.kind === 'ready') this.#state = 'ready'
    else this.#sent.shift()?.answer(message)
    if (this.#sent.length > 0) this.#startDeadline()
    else this.#goOn()
  }

  #startDeadline(): void {
    this.#after(DEADLINE_MS, () => {
      // If it was this process that stood still, the answer is there, and is read before this.
      this.#after(0, () => {
        this.#isOverrun = true
        this.#child?.kill()
      })
    })
  }

  #ended(reason: string): void {
    this.#child = null
    if (this.#state === 'closed') {
      this.#onGone()
      return
    }
    this.#cancelTimer()
    const couldNotStart = this.#state === 'starting'
    const cause = this.#isOverrun ? 'timeout' : 'crashed'
    this.#state = 'none'
    this.#isOverrun = false
    const [culprit, ...neighbours] = this.#sent.splice(0)
    this.#waiting.unshift(...neighbours)
    if (culprit !== undefined) this.#ports.onCulprit(culprit, cause)
    if (couldNotStart) this.#startLater(reason)
    else this.#goOn()
  }

  #startLater(reason: string): void {
    this.#state = 'failing'
    this.#ports.onUnavailable(reason)
    this.#after(START_AGAIN_AFTER_MS, () => {
      this.#state = 'none'
      this.#goOn()
    })
  }

  /** There is one timer: for the start, for the job that the process is at, or for the next start. */
  #after(delay: DurationMs, callback: () => void): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#ports.clock.after(delay, callback)
  }
}
