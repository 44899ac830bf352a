import { type Command, InvalidArgumentError, Option } from 'commander'
import { PRIORITIES, type StreamOptions } from '../client/index.ts'
import { wholeNumber } from './numbers.ts'

/** What a request asks for beyond its mappings. */
export interface Terms
  extends Pick<
    StreamOptions,
    | 'priority'
    | 'batchSize'
    | 'metadata'
    | 'notBefore'
    | 'expiresIn'
    | 'callbackUrl'
    | 'retryOf'
    | 'onInvalid'
  > {}

/** Gives a command the options that say what a request asks for. */
export function withTerms(command: Command): Command {
  return command
    .addOption(new Option('-p, --priority <priority>', 'how urgent it is').choices(PRIORITIES))
    .option('--batch-size <mappings>', 'how many mappings make a batch', wholeNumber)
    .option('--metadata <key=value>', 'a note, handed back in every status; may be repeated', note)
    .option('--not-before <time>', 'start nothing before, as 2026-01-31T09:30:00Z')
    .option('--expires-in <duration>', 'fail what is still open then, as 90s, 5m or 2h')
    .option('--callback-url <url>', 'whom to tell when it is finished')
    .option('--retry-of <id>', 'the request whose failures it carries out again')
    .addOption(
      new Option(
        '--on-invalid <manner>',
        'refuse all for a bad mapping, or skip the bad ones',
      ).choices(['refuse', 'skip']),
    )
}

function note(text: string, notes: Readonly<Record<string, string>> = {}) {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (key === undefined || value === undefined) {
    throw new InvalidArgumentError('It must be like key=value.')
  }
  return { ...notes, [key]: value }
}
