import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { ROOT } from './sources.ts'

/** What `--help` shows of a command, its examples included, but for the exit codes that all have. */
function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut: (part) => {
      text += part
    },
    getOutHelpWidth: () => 80,
  })
  command.outputHelp()
  return text.replace(/\nExit codes:\n[\s\S]*$/, '').trimEnd()
}

function section(command: Command): string {
  return `## ${command.name()}\n\n\`\`\`\n${helpOf(command)}\n\`\`\`\n`
}

/** `docs/cli.md`, whole. `npx vitest run test/structure -u` writes it. */
function page(): string {
  return `# The command line

<!-- Written from the commands' own help by \`npx vitest run test/structure -u\`; do not edit. -->

Everything here is what \`sluice <command> --help\` shows. In a checkout \`npm run -s sluice --\` stands for
\`sluice\`: \`alias sluice='npm run -s sluice --'\`.

Data goes to the standard output: an id, a table, JSON. Progress and hints for people go to the standard error;
only \`watch\` and \`demo\` write progress to the standard output. \`--json\` writes one JSON document, or one per
line if there may be any number of them (\`watch\`, \`results\`, \`requests\`). On a terminal there are progress
bars and, unless \`NO_COLOR\` is set, colours; elsewhere there are neither. In text from requests, systems or the
server, control characters are shown as \`\\uXXXX\`, so that they cannot control the terminal. Only files, and CSV
that is not shown on a terminal, are byte for byte what Sluice sent.

| exit code | meaning |
| --- | --- |
| 0 | success; with \`--wait\` and \`watch\`: every mapping completed |
| 1 | the request is finished, but not all of its mappings completed |
| 2 | a wrong option, or input that Sluice refuses: correct it before you try again |
| 3 | the server does not answer, has failed, or is too busy: try again without changes |
| 130 | interrupted with Ctrl-C |

If a command with \`--json\` exits with 2 or 3, the last line of the standard error is a JSON object: the
[problem](https://www.rfc-editor.org/rfc/rfc9457) that Sluice sent, or, if Sluice did not send one, an object with
\`error\` (\`misuse\` or \`unavailable\`) in place of \`type\` and \`status\`.

\`\`\`
{"error":"unavailable","title":"It could not be done, or not to the end","detail":"Nothing answers at http://localhost:8000. Start Sluice there, or give another address."}
\`\`\`

If it has an \`idempotency_key\`, it is not known whether the request was taken: run the same command again with
that key. With \`--validate-only\`, the output itself contains the problem with which the request would be refused.

Commands that talk to a running service find it at \`--url\`, or at \`SLUICE_URL\`; the default is
http://localhost:8000.

${createProgram().commands.map(section).join('\n')}`
}

test('docs/cli.md is what the commands say of themselves', async () => {
  await expect(page()).toMatchFileSnapshot(join(ROOT, 'docs/cli.md'))
})
