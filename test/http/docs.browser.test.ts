import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrowser } from '../support/browser.ts'
import { openServer } from './server.ts'

let browser: Browser

beforeAll(async () => {
  browser = await openBrowser()
}, 60_000)

afterAll(() => browser.close())

/** Loads a page, waits until it shows `text`, and tells what went wrong and where it asked. */
async function visit(url: string, text: string) {
  const page = await browser.newPage()
  const faults: string[] = []
  const origins = new Set<string>()
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('request', (request) => {
    if (request.url().startsWith('http')) origins.add(new URL(request.url()).origin)
  })
  await page.goto(url)
  await page.getByText(text).filter({ visible: true }).first().waitFor()
  const content = await page.locator('body').textContent()
  await page.close()
  return { faults, origins: [...origins], content }
}

describe('the documentation works in a browser, without any other origin', () => {
  test.each(['/docs', '/redoc', '/'])(
    '%s',
    async (path) => {
      const { server } = await openServer()
      const url = await server.listen()

      const { faults, origins, content } = await visit(`${url}${path}`, 'Hand in mappings')

      expect(faults).toEqual([])
      expect(origins).toEqual([url])
      for (const summary of [
        'See where a request stands',
        'List requests',
        'See how the service is',
      ]) {
        expect(content).toContain(summary)
      }
    },
    30_000,
  )
})
