import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Entry {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** `npm ci` refuses a lockfile that leaves one out, be it for another platform than this. */
test.each(['package-lock.json', 'bench/package-lock.json'])(
  '%s holds every package that another one may need',
  (path) => {
    const lockfile = new URL(`../../${path}`, import.meta.url)
    const { packages }: { packages: Record<string, Entry> } = JSON.parse(
      readFileSync(lockfile, 'utf8'),
    )
    const missing = Object.entries(packages).flatMap(([path, entry]) =>
      Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }).filter(
        (name) => !isFound(name, path, packages),
      ),
    )
    expect(missing).toEqual([])
  },
)

/** Looks where Node does: beside the package that needs it, and then outwards. */
function isFound(name: string, path: string, packages: Record<string, Entry>): boolean {
  for (
    let place = path;
    ;
    place = place.slice(0, Math.max(0, place.lastIndexOf('node_modules/')))
  ) {
    const folder = place === '' || place.endsWith('/') ? place : `${place}/`
    if (`${folder}node_modules/${name}` in packages) return true
    if (place === '') return false
    place = place.replace(/\/$/, '')
  }
}
