/** The package as it is published: what somebody has who installs it, without any checkout. */
import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../structure/sources.ts'
import { startService } from '../support/process.ts'

const run = promisify(execFile)
const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc')

let directory: string
let installed: string

/** Packs it as npm does, and unpacks it where npm would. What it depends on is taken from here. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-package-'))
  installed = join(directory, 'node_modules/sluice')
  await mkdir(installed, { recursive: true })
  const built = join(directory, 'built')
  await run(process.execPath, [join(ROOT, 'scripts/build.ts'), built])
  const { stdout } = await run('npm', ['pack', built, '--pack-destination', directory, '--offline'])
  const tarball = join(directory, stdout.trim())
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])
  const { dependencies } = await manifest()
  for (const name of Object.keys(dependencies)) {
    const link = join(directory, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(ROOT, 'node_modules', name), link)
  }
}, 120_000)

afterAll(() => rm(directory, { recursive: true }))

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>
  readonly bin: { readonly sluice: string }
}

async function manifest(): Promise<Manifest> {
  return JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
}

/** Writes a file beside node_modules, as somebody would who uses the package. */
async function write(name: string, text: string): Promise<string> {
  const file = join(directory, name)
  await writeFile(file, text)
  return file
}

test('holds every file that its manifest names', async () => {
  const { exports, bin } = await manifest()
  const named = [...Object.values(exports).flatMap(Object.values<string>), bin.sluice]
  expect(named).toHaveLength(5)
  await Promise.all(named.map((path) => access(join(installed, path))))
})

test('its client is imported, and imports nothing itself', async () => {
  const file = await write(
    'imports.js',
    `import { registerHooks } from 'node:module'
     registerHooks({ resolve(name, context, next) {
       const found = next(name, context)
       if (context.parentURL?.includes('/sluice/js/')) console.log(found.url)
       return found
     } })
     const { Sluice } = await import('sluice/client')
     console.log(new Sluice() instanceof Sluice)`,
  )
  const { stdout } = await run(process.execPath, [file])
  const lines = stdout.trim().split('\n')
  expect(lines.pop()).toBe('true')
  expect(lines.length).toBeGreaterThan(10)
  expect(lines.filter((url) => !url.includes('/node_modules/sluice/js/client/'))).toEqual([])
})

describe('its types are found, and hold', () => {
  const CONSUMER = `
    import { Sluice, SluiceError, type RequestStatus } from 'sluice/client'
    const sluice = new Sluice({ baseUrl: 'http://localhost:8000' })
    export async function last(id: string): Promise<RequestStatus | null> {
      let status: RequestStatus | null = null
      for await (status of sluice.events(id)) if (status.progress > 100) return null
      return status
    }
    export function isKnown(error: SluiceError): boolean {
      return error.type === '/problems/not-found'
    }
    // @ts-expect-error Nobody is in such a hurry.
    export const wrong = sluice.submit({ mappings: [], priority: 'URGENT' })`

  test.each([
    ['in Node', ['--module', 'nodenext', '--types', 'node']],
    ['in a browser', ['--module', 'esnext', '--moduleResolution', 'bundler', '--types', '']],
  ])('%s', async (_, options) => {
    await write('consumer.ts', CONSUMER)
    const types = join(directory, 'node_modules/@types')
    await symlink(join(ROOT, 'node_modules/@types'), types).catch(() => {})
    const strict = ['--noEmit', '--strict', '--target', 'es2024', '--lib', 'es2024,dom']
    const args = [COMPILER, ...strict, ...options, 'consumer.ts']
    const { stdout } = await run(process.execPath, args, { cwd: directory })
    expect(stdout).toBe('')
  })

  test('also those of a kind of one’s own', async () => {
    await write(
      'kind.ts',
      `import { defineKind, Type } from 'sluice/kind'
       export default defineKind({
         config: Type.Object({ host: Type.String() }),
         connect: ({ config: { host } }) => ({
           write: async () => ({ kind: 'delivered', result: host }),
         }),
       })`,
    )
    const options = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext']
    const args = [COMPILER, ...options, '--skipLibCheck', '--types', 'node', 'kind.ts']
    const { stdout } = await run(process.execPath, args, { cwd: directory })
    expect(stdout).toBe('')
  })
})

test('its command answers, serves and stops', { timeout: 60_000 }, async () => {
  const { bin } = await manifest()
  const main = join(installed, bin.sluice)
  expect(await readFile(main, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  const help = await run(process.execPath, [main, '--help'])
  expect(help.stdout).toContain('Usage: sluice [options] [command]')
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
  expect((await run(process.execPath, [main, '--version'])).stdout).toBe(`${version}\n`)

  const env = { SLUICE_SIMULATED_SUCCESS_RATE: '1', SLUICE_SIMULATED_LATENCY: '1ms' }
  const service = startService({ directory, env, command: [process.execPath, main, 'serve'] })
  const file = await write(
    'submit.js',
    `import { Sluice } from 'sluice/client'
     const sluice = new Sluice({ baseUrl: process.argv[2] })
     const transformation = { name: '{% $uppercase(id) %}' }
     const mappings = [{ id: 'ada', source: 'shop', target: 'crm', transformation }]
     const { request_id } = await sluice.submit({ mappings })
     console.log((await sluice.wait(request_id)).status)`,
  )
  const { stdout } = await run(process.execPath, [file, await service.started()])
  expect(stdout).toBe('completed\n')
  service.kill('SIGTERM')
  expect(await service.ended).toEqual({ code: 0, stderr: '' })
})

test('it needs nothing that only a checkout has', async () => {
  const { dependencies } = await manifest()
  const require = createRequire(join(ROOT, 'package.json'))
  const { devDependencies } = require('./package.json') as Manifest & { devDependencies: object }
  expect(Object.keys(dependencies).filter((name) => name in devDependencies)).toEqual([])
})
