/**
 * Where examples are run as somebody would run them who reads them: in a checkout of its own, beside a
 * service of its own. Only addresses are changed, and ids: one that a document shows stands for that of
 * the latest answer.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { Sluice } from '../../src/client/index.ts'
import { MAIN } from '../cli/run.ts'
import { ROOT } from '../structure/sources.ts'
import { Service, writeSystems } from '../support/process.ts'

export interface PlaygroundOptions {
  /** What its systems file holds; without one, every name is a simulated system. */
  readonly systems?: object
  /** Of the service and of the examples. */
  readonly env?: Readonly<Record<string, string>>
  /** Empty databases, one for each address of a PostgreSQL in an example. */
  readonly databases?: readonly string[]
  /** The service is not to run while the examples do; what it stored is there. */
  readonly isStopped?: boolean
}

/** What came of some lines of shell. */
export interface Played {
  readonly stdout: string
  readonly stderr: string
  /** Each command that did not end with 0, as `code: command`. */
  readonly complaints: readonly string[]
}

export interface Playground extends AsyncDisposable {
  readonly directory: string
  readonly url: string
  /** The id of the latest request. */
  latest(): Promise<string>
  /** Runs a script line by line, in a shell that goes on when a line fails. */
  play(script: string): Promise<Played>
  /** A text with the addresses in it that are right here. */
  addressed(text: string): string
}

/** Opens a playground. It is to be disposed of. */
export async function openPlayground(options: PlaygroundOptions = {}): Promise<Playground> {
  const { systems, env = {}, databases = [], isStopped = false } = options
  const directory = await mkdtemp(join(tmpdir(), 'sluice-examples-'))
  for (const name of ['package.json', 'node_modules', 'src', 'examples', 'docs']) {
    await symlink(join(ROOT, name), join(directory, name))
  }
  await furnish(directory)
  if (systems !== undefined) await writeSystems(directory, systems)
  const service = new Service({ directory, env: { SLUICE_SIMULATED_LATENCY: '1ms', ...env } })
  const url = await service.started()
  await writeFile(join(directory, 'latest'), await submitFirst(url))
  if (isStopped) await stop(service)
  const { port } = new URL(url)
  const left = [...databases]

  function addressed(text: string): string {
    return text
      .replaceAll(/localhost:(8000|9000)\b/g, `127.0.0.1:${port}`)
      .replaceAll(/(--(?:health-)?port |PORT=)\d+/g, '$10')
      .replaceAll(/postgres:\/\/[^\s'"]+/g, (address) => left.shift() ?? address)
  }

  return {
    directory,
    url,
    addressed,
    latest: async () => (await readFile(join(directory, 'latest'), 'utf8')).trim(),
    play: (script) => play(directory, withLatestId(addressed(script)), { SLUICE_URL: url, ...env }),
    async [Symbol.asyncDispose]() {
      if (!isStopped) await stop(service)
      await rm(directory, { recursive: true })
    },
  }
}

/** There is a request already, which ids are taken for until the examples make another. */
async function submitFirst(url: string): Promise<string> {
  const sluice = new Sluice({ baseUrl: url })
  const mappings = [{ id: 'first', source: 'shop', target: 'crm' }]
  const { request_id } = await sluice.submit({ mappings })
  await sluice.wait(request_id)
  return request_id
}

const ID_IN_LINE = /^(.*)\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/gm

/** In single quotes nothing is put in, so they are left for a moment. */
function withLatestId(script: string): string {
  return script.replaceAll(ID_IN_LINE, (_, before: string) => {
    const isQuoted = before.split("'").length % 2 === 0
    return before + (isQuoted ? `'"$(cat latest)"'` : '$(cat latest)')
  })
}

async function stop(service: Service): Promise<void> {
  service.kill('SIGTERM')
  await service.ended
}

/** What the examples speak of and a checkout does not have. */
async function furnish(directory: string): Promise<void> {
  const bin = join(directory, 'bin')
  await mkdir(bin)
  const contacts = await readFile(join(ROOT, 'examples/contacts.ndjson'))
  await writeFile(join(directory, 'contacts.ndjson.gz'), gzipSync(contacts))
  const sluice = `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`
  await writeFile(join(bin, 'sluice'), sluice, { mode: 0o755 })
  const generate = '#!/bin/sh\nexec cat examples/contacts.ndjson\n'
  await writeFile(join(bin, 'generate-mappings'), generate, { mode: 0o755 })
  await writeFile(join(bin, 'curl'), CURL, { mode: 0o755 })
}

/** Fails where the answer says no, and takes note of the id of a request. */
const CURL = `#!/bin/bash
set -o pipefail
PATH=\${PATH#*:} curl -sS --fail-with-body "$@" | tee answer
code=$?
found=$(grep -o '"request_id":"[^"]*"' answer | head -n 1 | cut -d '"' -f 4)
[[ -n $found ]] && echo "$found" > latest
exit $code
`

/** Another service is started beside, told to stop once it says that it runs, and must end in order. */
const PRELUDE = `
shopt -s expand_aliases
trap 'echo "$?: $BASH_COMMAND" >&3' ERR
until_started() {
  coproc SERVICE { exec env PORT=0 SLUICE_DATA_DIR=beside "$@" 3>&-; }
  local pid=$SERVICE_PID line
  while read -r line <&"\${SERVICE[0]}"; do
    [[ $line == *'"msg":"started"'* ]] && break
  done
  kill -TERM "$pid"
  wait "$pid"
}
`

const SERVES = /^((?:\w+=\S+ )*(?:sluice (?:serve|worker)\b|npm start\b).*)$/gm

async function play(
  directory: string,
  script: string,
  env: Readonly<Record<string, string>>,
): Promise<Played> {
  const file = join(directory, 'script.sh')
  const complaints = join(directory, 'complaints')
  await writeFile(complaints, '')
  await writeFile(file, PRELUDE + script.replaceAll(SERVES, 'until_started $1'))
  const path = `${join(directory, 'bin')}:${process.env['PATH']}`
  const { stdout, stderr } = await promisify(execFile)(
    'bash',
    ['-c', `bash '${file}' 3>>'${complaints}'; true`],
    { cwd: directory, env: { HOME: directory, PATH: path, ...env }, timeout: 240_000 },
  )
  const lines = (await readFile(complaints, 'utf8')).trimEnd()
  return { stdout, stderr, complaints: lines === '' ? [] : lines.split('\n') }
}
