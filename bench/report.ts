/** What was found, for people: rows for the terminal and for the page. */
import { cpus, totalmem } from 'node:os'
import type { Bench, Comparison, Finding, Measurement, Unmeasured } from './bench.ts'
import { POSTGRES_SETTINGS } from './postgres.ts'
import { median, percentile } from './statistics.ts'

/** A bench that has run. */
export interface Ran {
  readonly bench: Bench
  readonly findings: readonly Finding[]
}

export const COLUMNS = ['bench', 'measured', 'Sluice', 'reference', 'judged', 'target', 'met']

/** A row of text for each finding, in the order of the columns. */
export function rows(ran: readonly Ran[]): string[][] {
  return ran.flatMap(({ bench, findings }) =>
    findings.map((finding) => [bench.name, ...cellsOf(finding)]),
  )
}

function cellsOf(finding: Finding): string[] {
  if (finding.kind === 'comparison') return compared(finding)
  return finding.kind === 'measurement' ? measured(finding) : unmeasured(finding)
}

function compared({ what, unit, samples, target, enough }: Comparison): string[] {
  const ours = median(samples.sluice)
  const ratio = ours / median(samples.reference)
  const isMet = ratio >= target || (enough !== undefined && ours >= enough)
  return [
    `${unit} ${what}`,
    spread(samples.sluice),
    spread(samples.reference),
    `ratio ${ratio.toFixed(2)}`,
    enough === undefined ? `≥ ${target}` : `≥ ${target}, or Sluice ≥ ${figure(enough)}`,
    isMet ? 'yes' : 'no',
  ]
}

function measured({ what, unit, samples, percentile: percent, target }: Measurement): string[] {
  const judged = percentile(samples, percent)
  return [
    `${unit} ${what}`,
    spread(samples),
    '',
    `${JUDGED[percent]} ${figure(judged)}`,
    `≤ ${figure(target)}`,
    judged <= target ? 'yes' : 'no',
  ]
}

const JUDGED = { 50: 'median', 99: 'p99', 100: 'highest' } as const

function unmeasured({ what, because }: Unmeasured): string[] {
  return [what, '', '', `not measured: ${because}`, '', '']
}

/** The median, and between what all samples lie. */
function spread(samples: readonly number[]): string {
  const [lowest, highest] = [Math.min(...samples), Math.max(...samples)]
  return `${figure(median(samples))} (${figure(lowest)}–${figure(highest)})`
}

/** Three digits: a repeated run would not give more of them again. */
function figure(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 })
}

/** `docs/benchmarks.md`, whole. */
export function page(ran: readonly Ran[], date: Date): string {
  return `# Benchmarks

<!-- Written by \`npm run bench\`. Every figure is from that run; do not edit. -->

${machine(date)}

Each bench runs the real server in processes of its own, with a fresh store and default settings except
where it needs others, and measures it in turn with its reference: Sluice, the reference, Sluice, the
reference, and so on. The store is a file; in the benches called \`postgres-…\` it is a PostgreSQL on the
same cores, which has every commit on disk before it answers (${POSTGRES_SETTINGS.join(', ')}, the rest
as it comes). Figures are medians, with the lowest and the highest sample; a round to warm up is left out.
A ratio says more than a rate: both halves of it met the same machine. \`npm run bench engine\` runs one
bench, \`npm run bench\` runs all and writes this page. What Sluice is compared with in
\`postgres-engine\` is run where its package is installed: \`npm ci\` in \`bench/\`, with
Node 24, or npm leaves out what needs it.

${table(ran)}

## What is measured

${ran.map(({ bench }) => description(bench)).join('\n')}
`
}

function machine(date: Date): string {
  const processors = cpus()
  const model = processors[0]?.model.trim() ?? 'unknown'
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${date.toISOString().slice(0, 10)}, Node ${process.version}, ${process.platform} ${process.arch}, ${processors.length} cores (${model}), ${memory} GiB of memory.`
}

function table(ran: readonly Ran[]): string {
  const lines = [COLUMNS, COLUMNS.map(() => '---'), ...rows(ran)]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function description({ name, what, reference }: Bench): string {
  return `- **${name}**: ${what}${reference === null ? '' : ` Reference: ${reference}`}`
}
