/** What a page can do to a service that asks nobody who they are, in a real browser. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openBrowser } from '../support/browser.ts'
import { newRequest } from '../support/requests.ts'
import { openServer } from './server.ts'

let browser: Browser

beforeAll(async () => {
  browser = await openBrowser()
}, 60_000)

afterAll(() => browser.close())

/** Another site on this machine; gives its address. */
async function otherSite(): Promise<string> {
  const site = createServer((_, response) => response.end('<title>elsewhere</title>'))
  site.listen(0, '127.0.0.1')
  await once(site, 'listening')
  onTestFinished(() => void site.close())
  return `http://127.0.0.1:${(site.address() as AddressInfo).port}`
}

/** Has a page send a POST without a body, which no browser asks about first. */
async function postFrom(page: string, url: string): Promise<void> {
  const tab = await browser.newPage()
  await tab.goto(page)
  await tab.evaluate((to) => fetch(to, { method: 'POST', mode: 'no-cors' }).catch(() => {}), url)
  await tab.close()
}

test('a page of another site cannot cancel a request, and one of our own can', async () => {
  const fixture = await openServer()
  const url = await fixture.server.listen()
  const request = newRequest({ total: 3 })
  await fixture.store.insert(request)
  const cancel = `${url}/requests/${request.id}/cancel`

  await postFrom(await otherSite(), cancel)
  expect(await fixture.store.request(request.tenant, request.id)).toMatchObject({ closing: null })
  const answered = fixture.events.filter(({ event }) => event === 'http_answered')
  expect(answered).toMatchObject([{ method: 'POST', status: 403 }])

  await postFrom(`${url}/docs`, cancel)
  const cancelled = { closing: 'cancelled' }
  expect(await fixture.store.request(request.tenant, request.id)).toMatchObject(cancelled)
}, 60_000)
