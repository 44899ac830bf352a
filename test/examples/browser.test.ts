/** What docs/results.md shows for browsers, run in one, at the address of a real service. */
import { expect, test } from 'vitest'
import { openBrowser } from '../support/browser.ts'
import { fencesIn } from './fences.ts'
import { openPlayground } from './playground.ts'

test('docs/results.md shows how a browser follows a request', { timeout: 120_000 }, async () => {
  const blocks = fencesIn('docs/results.md').filter(({ language }) => language === 'js')
  expect(blocks).toHaveLength(1)
  await using playground = await openPlayground({ env: { SLUICE_SIMULATED_SUCCESS_RATE: '1' } })
  const browser = await openBrowser()
  try {
    const page = await browser.newPage()
    const address = `${playground.url}/page`
    await page.route(address, (route) => {
      return route.fulfill({ contentType: 'text/html', body: '<!doctype html><p>' })
    })
    await page.goto(address)
    const shown = await page.evaluate(following(blocks[0]?.text ?? '', await playground.latest()))
    expect(shown).toMatchObject({ status: 'completed', progress: 100 })
  } finally {
    await browser.close()
  }
})

/** Resolves with the first final status that the example shows. */
function following(example: string, id: string): string {
  return `new Promise((resolve) => {
  const id = '${id}'
  const show = (status) => status.finished_at !== null && resolve(status)
  ${example}
})`
}
