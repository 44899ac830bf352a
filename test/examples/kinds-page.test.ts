import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { kindsNamed, readSystems } from '../../src/config/systems.ts'
import { builtInKinds, kindsFor } from '../../src/deliver/kinds.ts'
import { shown } from '../deliver/previews.ts'
import { temporaryDirectory } from '../support/process.ts'

const PAGE = readFileSync(new URL('../../docs/kinds.md', import.meta.url), 'utf8')

function fenced(language: string): readonly string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm')
  return [...PAGE.matchAll(fence)].map(([, text = '']) => text)
}

const ENV = Object.fromEntries(
  [...PAGE.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name = '']) => [name, 'secret']),
)

describe('docs/kinds.md', () => {
  test.each(fenced('yaml'))(
    'shows a systems file that is read without a problem: %s',
    async (text) => {
      const directory = await temporaryDirectory()
      await writeFile(join(directory, 'lamp-kind.ts'), fenced('ts').join())
      const settings = { simulated: { latency: 0, successRate: 1 }, userAgent: 'sluice', directory }
      const read = readSystems({
        ...{ text, fileName: 'systems.yaml', concurrency: 1, env: ENV },
        kinds: await kindsFor(kindsNamed(text), settings),
        readFile: () => rootCertificates[0] ?? '',
      })
      expect(read).toMatchObject({ ok: true })
    },
  )

  test('shows a kind whose calls can be shown, without its secret', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'lamp-kind.ts'), fenced('ts').join())
    const text = fenced('yaml').find((each) => each.includes('lamp-kind')) ?? ''
    const mapping = { id: 'm', source: 'lamp', target: 'lamp', data: 'red' }
    const [preview] = await shown(text, [mapping], { directory, env: ENV })
    expect(preview?.write?.call).toEqual({
      method: 'PUT',
      url: 'https://lamp.example.com/colour',
      body: 'red',
    })
    expect(JSON.stringify(preview)).not.toContain('secret')
  })

  test('tells of every kind that comes along', () => {
    const settings = { simulated: { latency: 0, successRate: 1 }, userAgent: 'x', directory: '.' }
    const names = builtInKinds(settings).map(({ name }) => name)
    const told = [...PAGE.matchAll(/^## ([a-z]+)$/gm)].map(([, name]) => name)
    expect(told.sort()).toEqual([...names].sort())
  })
})
