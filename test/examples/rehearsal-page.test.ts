/** What docs/rehearsal.md shows is what the service answers. */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { VERSION } from '../../src/lib/version.ts'
import { startService, temporaryDirectory } from '../support/process.ts'

const PAGE = readFileSync(new URL('../../docs/rehearsal.md', import.meta.url), 'utf8')

function fenced(language: string): string {
  const [, text = ''] =
    new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(PAGE) ?? []
  return text
}

test('docs/rehearsal.md shows a request, and the answer to it', async () => {
  const directory = await temporaryDirectory()
  await writeFile(join(directory, 'systems.yaml'), fenced('yaml'))
  const env = { CRM_TOKEN: 'canary', SHOP_KEY: 'canary' }
  const url = await startService({ directory, env }).started()
  const [, path = '', body = ''] =
    /'localhost:8000(.*?)'[\s\S]* -d '([\s\S]*)'/.exec(fenced('sh')) ?? []
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(url + path, { method: 'POST', headers, body })
  expect(answer.status).toBe(200)
  const shown = fenced('json').replaceAll('sluice/0.1.0', `sluice/${VERSION}`)
  expect(await answer.json()).toEqual(JSON.parse(shown))
})
