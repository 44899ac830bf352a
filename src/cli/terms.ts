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
    .option('--metadata <key=value>', 'a note, returned in every status; may be repeated', note)
    .option('--not-before <time>', 'start nothing before then, such as 2026-01-31T09:30:00Z')
    .option('--expires-in <duration>', 'fail what is not done by then, such as 90s, 5m or 2h')
    .option('--callback-url <url>', 'URL to call when it is finished')
    .option('--retry-of <id>', 'the earlier request whose failures this one mends')
    .addOption(
      new Option(
        '--on-invalid <manner>',
        'if some mappings are bad: refuse them all, or skip the bad ones',
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
