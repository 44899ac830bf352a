import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { isIdempotencyKey, PRIORITIES, type Priority } from '../client/index.ts'
import { type AddressOptions, connect, withAddress } from './address.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { counted, wholeNumber } from './numbers.ts'
import { complain, write } from './output.ts'
import { watch } from './watch.ts'

interface SubmitOptions extends AddressOptions {
  readonly priority?: Priority
  readonly batchSize?: number
  readonly idempotencyKey?: string
  readonly wait?: true
}

/** Adds `sluice submit`. */
export function addSubmit(program: Command): void {
  withAddress(program.command('submit'))
    .description('hand over a request; writes its id to stdout')
    .argument('<file>', 'JSON: a request, or only its list of mappings; - reads stdin')
    .addOption(new Option('-p, --priority <priority>', 'how urgent it is').choices(PRIORITIES))
    .option('--batch-size <mappings>', 'how many mappings make a batch', wholeNumber)
    .option('--idempotency-key <key>', 'take it only once, however often it is submitted', key)
    .option('-w, --wait', 'show the progress until it is finished')
    .addHelpText(
      'after',
      `
Examples:
  sluice submit examples/sample.json
  sluice submit mappings.json --priority HIGH --wait
  generate-mappings | sluice submit - --idempotency-key nightly-2026-01-31
${EXIT_CODES_HELP}`,
    )
    .action(concluding(submit))
}

async function submit(file: string, options: SubmitOptions): Promise<ExitCode> {
  const input = await read(file)
  if (!input.ok) return complain(input.problem, EXIT.misuse)
  const body = await asRequest(input.text, options)
  if (body === null) {
    return complain(
      `${file} holds neither a request nor a list of mappings: it must be JSON that begins with { or [`,
      EXIT.misuse,
    )
  }
  const sluice = connect(options)
  const { idempotencyKey } = options
  const receipt = await sluice.submit(body, { idempotencyKey })
  await write(`Accepted ${counted(receipt.total_mappings, 'mapping')}.`, process.stderr)
  await write(receipt.request_id, process.stdout)
  if (options.wait) return watch(sluice, receipt.request_id, process.stderr)
  await write(`Follow it with: sluice watch ${receipt.request_id}`, process.stderr)
  return EXIT.ok
}

type Input =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: string }

async function read(file: string): Promise<Input> {
  let bytes: Buffer
  try {
    bytes = file === '-' ? await buffer(process.stdin) : await readFile(file)
  } catch {
    return { ok: false, problem: `Cannot read ${file}. Does it exist, and may you read it?` }
  }
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return { ok: false, problem: `${file} is not in UTF-8. Save it so, and submit it again.` }
  }
}

/**
 * The body to send. It stays text, because reading JSON and writing it again would round its large
 * numbers and drop its doubled keys, which Sluice refuses. Null where it is no request.
 */
async function asRequest(text: string, options: SubmitOptions): Promise<string | null> {
  const start = text.trimStart().at(0)
  if (start !== '{' && start !== '[') return null
  let body = start === '{' ? text : `{"mappings":${text}}`
  const { priority, batchSize } = options
  for (const [field, value] of Object.entries({ priority, batch_size: batchSize })) {
    if (value !== undefined) body = await withField(body, field, value)
  }
  return body
}

async function withField(body: string, field: string, value: unknown): Promise<string> {
  const { applyEdits, modify } = await import('jsonc-parser')
  return applyEdits(body, modify(body, [field], value, {}))
}

function key(text: string): string {
  if (isIdempotencyKey(text)) return text
  throw new InvalidArgumentError('It must be 1 to 255 visible ASCII characters.')
}
