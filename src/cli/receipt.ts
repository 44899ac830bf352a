import { type Command, InvalidArgumentError } from 'commander'
import {
  isIdempotencyKey,
  newIdempotencyKey,
  type Receipt,
  type Sluice,
  SluiceError,
  SluiceUnreachable,
} from '../client/index.ts'
import { grouped } from '../core/quantity.ts'
import { type Advice, explain } from './complain.ts'
import { EXIT, type ExitCode } from './exit.ts'
import { type JsonOptions, writeJson } from './json.ts'
import { counted } from './numbers.ts'
import { printable, write } from './output.ts'
import { endingOf, watch } from './watch.ts'

export interface ReceiptOptions extends JsonOptions {
  readonly idempotencyKey?: string
  readonly wait?: true
}

/** Gives a command that makes a request the options that all of them have. */
export function withReceipt(command: Command): Command {
  return command
    .option('--idempotency-key <key>', 'take it only once, however often it is sent', key)
    .option('-w, --wait', 'show the progress until it is finished')
}

function key(text: string): string {
  if (isIdempotencyKey(text)) return text
  throw new InvalidArgumentError('It must be 1 to 255 visible ASCII characters without quotes.')
}

/**
 * Makes a request, tells its id to stdout and the rest to people, and follows it to its end, if that
 * is wanted. Where there is no receipt though there might have been one, it says how to be sure.
 *
 * @param make gives null where Ctrl-C ended it
 */
export async function conclude(
  sluice: Sluice,
  options: ReceiptOptions,
  make: (idempotencyKey: string) => Promise<Receipt | null>,
): Promise<ExitCode> {
  const { idempotencyKey = newIdempotencyKey() } = options
  let receipt: Receipt | null
  try {
    receipt = await make(idempotencyKey)
  } catch (error) {
    if (!mayBeTaken(error)) throw error
    return explain(error, sameAgain(idempotencyKey))
  }
  if (receipt !== null) return tell(sluice, receipt, options)
  const interrupted = 'Interrupted. A request that was not sent completely is not taken.'
  await write(`${interrupted} ${again(idempotencyKey)}`, process.stderr)
  return EXIT.interrupted
}

function sameAgain(key: string): Advice {
  const words = `It is not known whether it was taken. ${again(key)}`
  return { words, members: { idempotency_key: key } }
}

function again(key: string): string {
  return `Run the same command again with --idempotency-key ${key}: it is then taken only once.`
}

/** A 503 says that nothing was taken, and so does silence from the start. */
function mayBeTaken(error: unknown): boolean {
  if (error instanceof SluiceUnreachable) return error.mayHaveArrived
  return error instanceof SluiceError && error.status >= 500 && error.status !== 503
}

function acceptance({ total_mappings, skipped_mappings = 0 }: Receipt): string {
  const accepted = `Accepted ${counted(total_mappings, 'mapping')}.`
  if (skipped_mappings === 0) return accepted
  const fate =
    skipped_mappings === 1 ? 'is bad, and counts as failed' : 'are bad, and count as failed'
  return `${accepted} ${grouped(skipped_mappings)} of them ${fate}.`
}

async function tell(
  sluice: Sluice,
  receipt: Receipt,
  { wait, json }: ReceiptOptions,
): Promise<ExitCode> {
  const id = printable(receipt.request_id)
  await write(acceptance(receipt), process.stderr)
  if (!json) await write(id, process.stdout)
  if (wait) {
    const status = await watch(sluice, receipt.request_id, process.stderr)
    if (json && status !== null) await writeJson(status)
    return endingOf(status)
  }
  if (json) await writeJson(receipt)
  await write(`Follow it with: sluice watch ${id}`, process.stderr)
  return EXIT.ok
}
