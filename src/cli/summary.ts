import type { RequestStatus } from '../client/index.ts'
import { grouped } from '../core/quantity.ts'
import { counted, duration } from './numbers.ts'
import { type Output, printable, styled } from './output.ts'

/** How a finished request went, in one line. */
export function summary(status: RequestStatus, output: Output): string {
  const { total_mappings, completed_mappings, failed_mappings, cancelled_mappings } = status
  const parts = [
    `${grouped(completed_mappings)} of ${counted(total_mappings, 'mapping')} completed`,
    ...(failed_mappings > 0 ? [`${grouped(failed_mappings)} failed`] : []),
    ...(cancelled_mappings > 0 ? [`${grouped(cancelled_mappings)} cancelled`] : []),
  ]
  const style = status.status === 'completed' ? 'green' : 'yellow'
  return `${styled(style, status.status, output)}: ${parts.join(', ')}${took(status)}`
}

/** How fast a request goes, what has failed, how long it will take and what it waits for. */
export function outlook(status: RequestStatus, rate: number | null) {
  const { failed_mappings, eta_seconds } = status
  return {
    speed: rate === null ? '–/s' : `${grouped(Number(rate.toPrecision(3)))}/s`,
    failures: `${grouped(failed_mappings)} failed`,
    left: eta_seconds === null ? 'ETA –' : `ETA ${duration(eta_seconds)}`,
    waiting: waitingFor(status),
  }
}

/** The first of the systems that it waits for, or else what Sluice says of it. */
function waitingFor({ waiting_on: [first], details, finished_at }: RequestStatus): string {
  if (first !== undefined) return printable(`  ${first.system} is ${first.gate}: ${first.reason}`)
  return details === null || finished_at !== null ? '' : printable(`  ${details}`)
}

function took({ created_at, finished_at }: RequestStatus): string {
  if (finished_at === null) return ''
  const seconds = (Date.parse(finished_at) - Date.parse(created_at)) / 1000
  return seconds < 10 ? ` in ${seconds.toFixed(1)} s` : ` in ${duration(seconds)}`
}
