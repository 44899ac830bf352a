import { type Command, Option } from 'commander'
import type { Sluice } from '../client/index.ts'
import { type AddressOptions, connect, withAddress } from './address.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode, endingFor } from './exit.ts'
import { handOver } from './hand-over.ts'
import { FORMATS, type Format, type Input, inputOf } from './input.ts'
import { withJson, writeJson } from './json.ts'
import { write } from './output.ts'
import { conclude, type ReceiptOptions, withReceipt } from './receipt.ts'
import { rehearsalText } from './rehearsal.ts'
import { type Terms, withTerms } from './terms.ts'

interface SubmitOptions extends AddressOptions, ReceiptOptions, Terms {
  readonly format?: Format
  readonly validateOnly?: true
}

/** Adds `sluice submit`. */
export function addSubmit(program: Command): void {
  const command = withAddress(program.command('submit'))
    .description('submit a request; writes its id to stdout')
    .argument(
      '<file>',
      'mappings, as JSON, NDJSON or CSV, also compressed (.gz, .zst); - reads stdin',
    )
    .addOption(
      new Option(
        '-f, --format <format>',
        'format of the file (default: by its name, else JSON)',
      ).choices(FORMATS),
    )
  withReceipt(withTerms(command))
  withJson(command.option('--validate-only', 'only check it, and show what would happen'))
    .addHelpText(
      'after',
      `
A JSON file holds a request, or only its list of mappings. An NDJSON file has one
mapping per line. A CSV file has the columns id, source and target; any other
columns become the mapping's data. NDJSON and CSV may be of any size. An option
given here replaces the same option in a JSON request.

Examples:
  sluice submit examples/sample.json
  sluice submit examples/sample.json --priority HIGH --wait
  sluice submit examples/sample.json --validate-only
  sluice submit examples/contacts.csv --validate-only --on-invalid skip
  sluice submit examples/contacts.csv --on-invalid skip --metadata run=nightly
  sluice submit contacts.ndjson.gz --not-before 2026-01-31T09:30:00Z
  generate-mappings | sluice submit - --format ndjson --idempotency-key nightly
${EXIT_CODES_HELP}`,
    )
    .action(concluding(submit))
}

async function submit(file: string, options: SubmitOptions): Promise<ExitCode> {
  const sluice = connect(options)
  const input = inputOf(file, options.format)
  const { onInvalid } = options
  if (options.validateOnly) return rehearse(sluice, input, options)
  return conclude(sluice, options, (idempotencyKey) =>
    handOver(input, options, {
      request: (text, call) => sluice.submit(text, { ...call, onInvalid, idempotencyKey }),
      stream: (source, call) => sluice.submitStream(source, { ...call, idempotencyKey }),
    }),
  )
}

async function rehearse(sluice: Sluice, input: Input, options: SubmitOptions): Promise<ExitCode> {
  const { onInvalid, idempotencyKey, json } = options
  const rehearsal = await handOver(input, options, {
    request: (text, call) => sluice.validate(text, { ...call, onInvalid, idempotencyKey }),
    stream: (source, call) => sluice.validateStream(source, { ...call, idempotencyKey }),
  })
  if (rehearsal === null) return EXIT.interrupted
  if (json) await writeJson(rehearsal)
  else await write(rehearsalText(rehearsal, process.stdout), process.stdout)
  return rehearsal.problem === null ? EXIT.ok : endingFor(rehearsal.problem.status)
}
