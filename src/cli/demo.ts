import type { Command } from 'commander'
import { type Result, type Sluice, SluiceUnreachable } from '../client/index.ts'
import { environment } from '../config/environment.ts'
import { readSettings, type Settings } from '../config/settings.ts'
import { type AddressOptions, connect, withAddress } from './address.ts'
import { complain } from './complain.ts'
import { concluding, EXIT, EXIT_CODES_HELP, type ExitCode } from './exit.ts'
import { counted } from './numbers.ts'
import { styled, write } from './output.ts'
import { displayOn, follow } from './progress.ts'
import { resultsTable } from './results-table.ts'
import { sampleRequest } from './sample.ts'
import { start } from './start.ts'
import { summary } from './summary.ts'

const MAPPINGS = 100

/** Adds `sluice demo`. */
export function addDemo(program: Command): void {
  withAddress(program.command('demo'), null)
    .description('watch a sample request being carried out; starts an instance if none runs')
    .addHelpText(
      'after',
      `
Without --url it looks for an instance at the HOST and PORT of the settings. If
none answers, it starts one, and stops it at the end. Some mappings may fail for
good, as simulated systems do; the exit code is 0 all the same.

Examples:
  sluice demo
  sluice demo --url http://localhost:9000
${EXIT_CODES_HELP}`,
    )
    .action(concluding(demo))
}

async function demo(options: Partial<AddressOptions>): Promise<ExitCode> {
  if (options.url !== undefined) return show(options.url)
  const read = readSettings(environment(), { 'log-level': 'error', role: 'all' })
  if (!read.ok) return complain(read.problems.join('\n'), EXIT.misuse)
  const url = localUrl(read.settings)
  if (await isThere(connect({ url }))) return show(url)
  return showOwn(read.settings)
}

async function showOwn(settings: Settings): Promise<ExitCode> {
  const started = await start(settings)
  if (!started.ok) return started.code
  const { app } = started
  const url = app.url ?? localUrl(settings)
  try {
    await tell(`Nothing answered yet, so this demo started an instance at ${url}.`)
    return await show(url, ['npm start', 'an instance that stays; this one stops now'])
  } finally {
    await app.stop()
  }
}

/** Something to look at, and what is there. */
type Step = readonly [place: string, what: string]

/** Hands over the sample, and shows how it is carried out, what became of it, and what is next. */
async function show(url: string, ...firstSteps: readonly Step[]): Promise<ExitCode> {
  const sluice = connect({ url })
  const { mode } = await sluice.health()
  if (mode !== 'demo') {
    return complain(
      `The instance at ${url} has a systems file, which does not know the systems of this demo.\n` +
        'Run the demo where there is none: in another directory, and with another PORT.',
      EXIT.misuse,
    )
  }
  const { request_id: id } = await sluice.submit(sampleRequest(MAPPINGS))
  await tell(`${counted(MAPPINGS, 'mapping')} at HIGH, to simulated systems: request ${id}\n`)
  const status = await follow(sluice, id, await displayOn(process.stdout))
  if (status === null) {
    await tell('Interrupted. What is not done yet goes on when the instance does.')
    return EXIT.interrupted
  }
  const { results } = await sluice.resultsPage(id, { limit: MAPPINGS })
  await tell(`\n${await resultsTable(results, process.stdout)}\n`)
  await tell(summary(status, process.stdout))
  await tell(explanation(results))
  await tell(
    nextSteps([
      ...firstSteps,
      [`${url}/docs`, 'every call, to try out'],
      [`${url}/status/${id}/results`, 'these results'],
      ['npm run sluice -- submit examples/sample.json --wait', 'a request from a file'],
      ['npm run sluice -- --help', 'everything else'],
    ]),
  )
  return EXIT.ok
}

function explanation(results: readonly Result[]): string {
  const again = results.filter(({ attempts }) => attempts > 1).length
  const failed = results.filter(({ status }) => status === 'failed').length
  const parts = ['Simulated systems let some calls fail, to show what happens then:']
  parts.push(`${counted(again, 'mapping')} took more than one attempt,`)
  parts.push(failed === 0 ? 'and none failed for good.' : `and ${failed} failed for good.`)
  return parts.join(' ')
}

function nextSteps(steps: readonly Step[]): string {
  const { stdout } = process
  const lines = steps.map(([place, what]) => `  ${place}\n      ${styled('dim', what, stdout)}`)
  return ['', styled('bold', 'Where to look next', stdout), ...lines].join('\n')
}

async function isThere(sluice: Sluice): Promise<boolean> {
  try {
    await sluice.health()
    return true
  } catch (error) {
    if (error instanceof SluiceUnreachable) return false
    throw error
  }
}

function localUrl({ host, port }: Settings): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function tell(text: string): Promise<void> {
  return write(text, process.stdout)
}
