/** Systems of a systems file as they are shown, with every kind there is. */
import { expect } from 'vitest'
import { kindsNamed, readSystems } from '../../src/config/systems.ts'
import type { Mapping } from '../../src/core/mapping.ts'
import type { MappingPreview } from '../../src/core/preview.ts'
import { kindsFor, previewSystems } from '../../src/deliver/kinds.ts'
import { previewer } from '../../src/deliver/preview.ts'
import type { Transform } from '../../src/deliver/transform/job.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { literalOnly } from '../support/transform.ts'

interface Surroundings {
  readonly env?: Readonly<Record<string, string>>
  /** By their paths. */
  readonly files?: Readonly<Record<string, string>>
  readonly directory?: string
  readonly transform?: Transform
}

/** Shows mappings with the systems of a file, which must be good. */
export async function shown(
  text: string,
  mappings: readonly Mapping[],
  { env = {}, files = {}, directory = '.', transform = literalOnly }: Surroundings = {},
): Promise<readonly MappingPreview[]> {
  const settings = {
    simulated: { latency: 50, successRate: 0.9 },
    userAgent: 'sluice/0',
    directory,
  }
  const readFile = (path: string) => files[path] ?? ''
  const kinds = await kindsFor(kindsNamed(text), settings)
  const source = { text, fileName: 'systems.yaml', concurrency: 1, env, readFile, kinds }
  const read = readSystems(source)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const ports = { clock: systemClock, random: systemRandom }
  const systems = await previewSystems(read.systems, settings, ports)
  const preview = previewer((name) => systems.get(name) ?? null, transform, systemClock)
  return preview(
    mappings.map((mapping, ordinal) => ({ ordinal, mapping })),
    {},
  )
}

/** The call that writes a payload to the one system of a file. */
export async function shownWrite(entry: string, payload: object, surroundings?: Surroundings) {
  const mapping = {
    id: 'map_001',
    source: 'crm',
    target: 'shop',
    data: {},
    transformation: payload,
  }
  const [preview] = await shown(`systems:\n  shop: ${entry}`, [mapping as Mapping], surroundings)
  return preview
}

/** Expects that nothing is left of a secret, in whatever way it may have been written. */
export function expectNothingOf(secret: string, told: unknown): void {
  const text = JSON.stringify(told)
  for (let from = 0; from + 4 <= secret.length; from++) {
    expect(text).not.toContain(secret.slice(from, from + 4))
  }
  // Of three alignments, one is that of the secret in whatever stood before it.
  for (const before of ['', 'x', 'xx']) {
    const encoded = Buffer.from(before + secret).toString('base64')
    expect(text).not.toContain(encoded.slice(4, -4))
    expect(text).not.toContain(
      Buffer.from(before + secret)
        .toString('base64url')
        .slice(4, -4),
    )
    expect(text).not.toContain(Buffer.from(before + secret).toString('hex'))
  }
}
