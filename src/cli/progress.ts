import type { RequestStatus, Sluice } from '../client/index.ts'
import type { EpochMs } from '../core/units.ts'
import { systemClock } from '../lib/clock.ts'
import { type Output, styled } from './output.ts'
import { Pace } from './pace.ts'
import { outlook } from './summary.ts'

/** Shows statuses as they come. */
interface Display {
  /** @param rate mappings a second, where it is known yet */
  show(status: RequestStatus, rate: number | null, at: EpochMs): void
  end(): void
}

/**
 * Shows a request's progress until it is finished: a live bar on a terminal, lines elsewhere.
 *
 * @returns its final status; null where Ctrl-C ended the watching, which does not end the work
 */
export async function follow(
  sluice: Sluice,
  id: string,
  output: Output,
): Promise<RequestStatus | null> {
  const display = output.isTTY ? await bar(output) : lines(output)
  const pace = new Pace()
  const interruption = new AbortController()
  const interrupt = () => interruption.abort()
  process.once('SIGINT', interrupt)
  try {
    return await sluice.wait(id, {
      signal: interruption.signal,
      onProgress: (status) => {
        const at = systemClock.now()
        display.show(status, pace.look(status.processed_mappings, at), at)
      },
    })
  } catch (error) {
    if (!interruption.signal.aborted) throw error
    return null
  } finally {
    process.removeListener('SIGINT', interrupt)
    display.end()
  }
}

async function bar(output: Output): Promise<Display> {
  const { default: progress } = await import('cli-progress')
  const live = new progress.SingleBar(
    {
      stream: output,
      format: '{bar} {percentage}%  {value}/{total}  {speed}  {failures}  {left}{waiting}',
      hideCursor: true,
      // It would take Ctrl-C for itself, and go on.
      gracefulExit: false,
    },
    progress.Presets.shades_classic,
  )
  let started = false
  return {
    show(status, rate) {
      const { total_mappings, processed_mappings, failed_mappings } = status
      const words = outlook(status, rate)
      const failures = styled(failed_mappings > 0 ? 'red' : 'dim', words.failures, output)
      if (!started) live.start(total_mappings, processed_mappings, { ...words, failures })
      else live.update(processed_mappings, { ...words, failures })
      started = true
    },
    end() {
      if (started) live.stop()
    },
  }
}

/** A line is worth its space after so much progress, or so much time. */
const LINE_STEP_PERCENT = 10
const LINE_STEP_MS = 10_000

function lines(output: Output): Display {
  let shown: { readonly percent: number; readonly at: EpochMs } | null = null
  return {
    show(status, rate, at) {
      const { progress: percent, processed_mappings, total_mappings, finished_at } = status
      const due =
        shown === null ||
        finished_at !== null ||
        percent - shown.percent >= LINE_STEP_PERCENT ||
        at - shown.at >= LINE_STEP_MS
      if (!due) return
      shown = { percent, at }
      const { speed, failures, left, waiting } = outlook(status, rate)
      const reached = `${percent}%  ${processed_mappings}/${total_mappings}`
      output.write(`${reached}  ${speed}  ${failures}  ${left}${waiting}\n`)
    },
    end() {},
  }
}
