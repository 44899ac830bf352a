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

What a script reads goes to the standard output: an id, a table, JSON. What is only for people, progress
and advice among it, goes to the standard error, except by \`watch\`, where it is the point. \`--json\` writes
one JSON document or, where there may be any number of things (\`watch\`, \`results\`, \`requests\`), one in each
line. On a terminal there are bars and, unless \`NO_COLOR\` is set, colours; elsewhere there are neither.
Nothing that a request, a system or a server says can steer a terminal: control characters are shown as
\`\\uXXXX\`. Only a file, and CSV that goes elsewhere than to a terminal, is byte for byte what Sluice sent.

| exit code | means |
| --- | --- |
| 0 | all is well; of \`--wait\` and \`watch\`: every mapping completed |
| 1 | the request is finished, but not all of its mappings completed |
| 2 | a wrong option, or input that Sluice refuses: mend it before you try again |
| 3 | nothing answers, the server failed, or it asks to come again later: try again as it is |
| 130 | interrupted with Ctrl-C |

Where a command that was told \`--json\` ends with 2 or 3, the last line of the standard error is one JSON
object, and no sentence: the [problem](https://www.rfc-editor.org/rfc/rfc9457) that Sluice sent, or else one with
\`error\` (\`misuse\` or \`unavailable\`) in place of its type and status.

\`\`\`
{"error":"unavailable","title":"It could not be done, or not to the end","detail":"Nothing answers at http://localhost:8000. Start Sluice there, or give another address."}
\`\`\`

With an \`idempotency_key\` in it, it is not known whether the request was taken: do the same again with that key.
A rehearsal has in what it writes the problem for which its request would be refused now.

The commands that talk to a running service find it by \`--url\` or \`SLUICE_URL\`, at
http://localhost:8000 unless they are told.

${createProgram().commands.map(section).join('\n')}`
}

test('docs/cli.md is what the commands say of themselves', async () => {
  await expect(page()).toMatchFileSnapshot(join(ROOT, 'docs/cli.md'))
})
