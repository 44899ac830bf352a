import { systemClock } from '../lib/clock.ts'
import { createBar } from './bar.ts'
import { megabytes } from './numbers.ts'
import type { Output } from './output.ts'
import { Pace } from './pace.ts'

/** Shows how much of a file has been sent. */
export interface UploadDisplay {
  show(bytes: number): void
  end(): void
}

/**
 * What suits the output: something that moves on a terminal; elsewhere a line now and then, none if it
 * is soon over.
 *
 * @param total null where nobody knows how much there is
 */
export async function uploadOn(output: Output, total: number | null): Promise<UploadDisplay> {
  return output.isTTY ? moving(output, total) : lines(output, total)
}

async function moving(output: Output, total: number | null): Promise<UploadDisplay> {
  const format =
    total === null ? 'sent {sent}  {speed}' : '{bar} {percentage}%  sent {sent}  {speed}'
  const bar = await createBar(output, format)
  const pace = new Pace()
  let started = false
  return {
    show(bytes) {
      const rate = pace.look(bytes, systemClock.now())
      const words = {
        sent: sentOf(bytes, total),
        speed: rate === null ? '' : `${megabytes(rate)}/s`,
      }
      if (!started) bar.start(total ?? 1, bytes, words)
      else bar.update(bytes, words)
      started = true
    },
    end() {
      if (started) bar.stop()
    },
  }
}

const LINE_STEP_MS = 10_000

function lines(output: Output, total: number | null): UploadDisplay {
  let shownAt = systemClock.now()
  return {
    show(bytes) {
      const now = systemClock.now()
      if (now - shownAt < LINE_STEP_MS) return
      shownAt = now
      output.write(`sent ${sentOf(bytes, total)}\n`)
    },
    end() {},
  }
}

function sentOf(bytes: number, total: number | null): string {
  return total === null ? megabytes(bytes) : `${megabytes(bytes)} of ${megabytes(total)}`
}
