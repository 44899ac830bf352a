/**
 * Builds the package as it is published, in `dist` or the folder that is named: JavaScript with its
 * types, because Node runs TypeScript anywhere but below node_modules. The checkout itself runs from
 * its sources, and needs none of this.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const DIST = resolve(process.argv[2] ?? join(ROOT, 'dist'))
const CODE = join(DIST, 'js')

rmSync(DIST, { recursive: true, force: true })
// All of it as JavaScript; types only of what can be imported from the package.
for (const config of ['tsconfig.build.json', 'tsconfig.types.json']) compile(config)
for (const path of filesIn(CODE)) rename(path)
for (const path of filesIn(join(ROOT, 'src'))) bringAlong(path)
for (const name of ['README.md', 'CHANGELOG.md', 'LICENSE']) {
  cpSync(join(ROOT, name), join(DIST, name))
}
writeFileSync(join(DIST, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`)

function compile(config: string): void {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const args = [compiler, '-p', join(ROOT, config), '--outDir', CODE]
  execFileSync(process.execPath, args, { stdio: 'inherit' })
}

/** The compiler changes the names of what is imported; threads and types name their files otherwise. */
function rename(path: string): void {
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replaceAll(/(['"])(\.{1,2}\/[\w./-]+)\.ts\1/g, '$1$2.js$1'))
}

/** What is not code goes along as it is: migrations. */
function bringAlong(path: string): void {
  if (['.ts', '.js'].includes(extname(path))) return
  cpSync(path, path.replace(join(ROOT, 'src'), CODE))
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
}

function manifest(): object {
  const {
    private: _,
    scripts,
    devDependencies,
    allowScripts,
    exports,
    bin,
    ...kept
  } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  return {
    ...kept,
    exports: Object.fromEntries(
      Object.entries<string>(exports).map(([name, source]) => {
        const built = builtFrom(source)
        return [name, { types: built.replace(/\.js$/, '.d.ts'), default: built }]
      }),
    ),
    bin: { sluice: builtFrom(bin.sluice) },
  }
}

function builtFrom(source: string): string {
  return source.replace('./src/', './js/').replace(/\.ts$/, '.js')
}
