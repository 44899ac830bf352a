import type { Manner } from '../../../core/outcome.ts'
import type { Refusal } from '../../kind.ts'
import { type CallStage, declined, disconnected, misconfigured } from '../endings.ts'

/** What a reply means, and in what words it is told. */
type Meaning = readonly [Manner | 'misconfigured', string]

/** By the first word of an error that the server answers with. */
const REPLIES: Readonly<Record<string, Meaning>> = {
  NOAUTH: ['unauthorized', 'it asks for a password'],
  WRONGPASS: ['unauthorized', 'it does not take our credentials'],
  NOPERM: ['unauthorized', 'we may not add to this stream'],
  LOADING: ['unavailable', 'it is starting'],
  BUSY: ['unavailable', 'a script keeps it busy'],
  OOM: ['unavailable', 'its memory is full'],
  MISCONF: ['unavailable', 'it cannot save to its disk'],
  READONLY: ['unavailable', 'it is a replica'],
  MASTERDOWN: ['unavailable', 'it has lost its master'],
  NOREPLICAS: ['unavailable', 'it has too few replicas'],
  CLUSTERDOWN: ['unavailable', 'its cluster is down'],
  TRYAGAIN: ['unavailable', 'its cluster is changing'],
  MOVED: ['misconfigured', 'it is one of a cluster, which is not spoken to'],
  WRONGTYPE: ['rejected', 'what has this name is no stream'],
}

/** The server was not to be had, and so has said nothing of any payload. */
export class NotConnected extends Error {
  constructor(cause: unknown) {
    super('not connected', { cause })
  }
}

/** What an error of the driver means. The server's words are not told: they may quote what was sent. */
export function judge(error: unknown, stage: CallStage): Refusal {
  if (error instanceof NotConnected) {
    return judgeReply(error.cause, stage, notConnected(error.cause))
  }
  return judgeReply(error, stage, ['rejected', 'it refused the command'])
}

/** What a reply means with which a server does not take us, where its first word does not say. */
function notConnected(cause: unknown): Meaning {
  const isFull = cause instanceof Error && /^ERR max.* clients/.test(cause.message)
  return isFull
    ? ['unavailable', 'it has too many clients']
    : ['misconfigured', 'it does not take us with this password and database']
}

function judgeReply(error: unknown, stage: CallStage, otherwise: Meaning): Refusal {
  const [, word] = error instanceof Error ? (/^([A-Z]{2,})\b/.exec(error.message) ?? []) : []
  if (word === undefined) return disconnected(stage, error)
  const [manner, words] = REPLIES[word] ?? otherwise
  const message = `Redis: ${words} (${word}).`
  return manner === 'misconfigured'
    ? misconfigured(stage, 'command_refused', message)
    : declined(stage, manner, message)
}
