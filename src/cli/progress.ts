import { isFinal, type RequestStatus, type Sluice } from '../client/index.ts'
import type { EpochMs } from '../core/units.ts'
import { systemClock } from '../lib/clock.ts'
import { createBar } from './bar.ts'
import { statusesOf } from './following.ts'
import { interruptible } from './interrupt.ts'
import { type Output, styled, write } from './output.ts'
import { Pace } from './pace.ts'
import { outlook } from './summary.ts'

/** Shows statuses as they come. */
export interface Display {
  /** @param rate mappings a second, where it is known yet */
  show(status: RequestStatus, rate: number | null, at: EpochMs): Promise<void>
  end(): void
}

/** What suits the output: a live bar on a terminal, lines elsewhere. */
export async function displayOn(output: Output): Promise<Display> {
  return output.isTTY ? bar(output) : lines(output)
}

/**
 * Shows a request's progress until it is finished.
 *
 * @returns its final status; null where Ctrl-C ended the watching, which does not end the work
 */
export async function follow(
  sluice: Sluice,
  id: string,
  display: Display,
): Promise<RequestStatus | null> {
  const pace = new Pace()
  const following = interruptible(async (signal) => {
    for await (const status of statusesOf(sluice, id, signal)) {
      const at = systemClock.now()
      await display.show(status, pace.look(status.processed_mappings, at), at)
      if (isFinal(status)) return status
    }
    return sluice.wait(id, { signal })
  })
  return following.finally(() => display.end())
}

async function bar(output: Output): Promise<Display> {
  const format = '{bar} {percentage}%  {value}/{total}  {speed}  {failures}  {left}{waiting}'
  const live = await createBar(output, format)
  let started = false
  return {
    async show(status, rate) {
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
    async show(status, rate, at) {
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
      await write(`${reached}  ${speed}  ${failures}  ${left}${waiting}`, output)
    },
    end() {},
  }
}
