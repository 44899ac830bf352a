import type { Refusal } from '../../kind.ts'
import { type CallStage, declined, disconnected, misconfigured } from '../endings.ts'

/** No queue wanted the message. */
export class Unroutable extends Error {}

/** What an error of the driver means. The broker's words are not told: they may quote what was sent. */
export function judge(error: unknown, stage: CallStage): Refusal {
  if (error instanceof Unroutable) {
    return declined(stage, 'rejected', 'The broker has no queue for this routing key.')
  }
  switch (replyCode(error)) {
    case 403:
      return declined(stage, 'unauthorized', 'The broker does not let us in, or not publish (403).')
    case 404:
      return misconfigured(stage, 'no_such_exchange', 'The broker has no such exchange (404).')
    case NOT_OPENED:
      return misconfigured(
        stage,
        'no_such_virtual_host',
        'The broker has no such virtual host, or none that is open to us (530).',
      )
    case NACK:
      return declined(stage, 'unavailable', 'The broker could not take the message.')
    default:
      return disconnected(stage, error)
  }
}

const NACK = 0
const NOT_OPENED = 530

/** The driver has it in a field, or only in its text, as `Handshake terminated by server: 403 (…)`. */
function replyCode(error: unknown): number | null {
  if (!(error instanceof Error)) return null
  if (error.message === 'message nacked') return NACK
  if (error.message.startsWith('Expected ConnectionOpenOk; got <ConnectionClose')) return NOT_OPENED
  if ('code' in error && typeof error.code === 'number') return error.code
  const [, code] = /by server: (\d{3}) /.exec(error.message) ?? []
  return code === undefined ? null : Number(code)
}
