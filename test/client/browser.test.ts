/** The client in a real browser, as its sources are, with only their types taken off. */
import { readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sluice } from '../../src/client/index.ts'
import { ROOT } from '../structure/sources.ts'
import { openBrowser } from '../support/browser.ts'
import { FakeSluice } from './fake.ts'

let browser: Browser

beforeAll(async () => {
  browser = await openBrowser()
}, 60_000)

afterAll(() => browser.close())

const PAGE = `<!doctype html><script type="module">
  import { Sluice } from '/client/index.ts'
  globalThis.sluice = new Sluice({ baseUrl: location.origin })
</script>`

/** A page at the server's own address, which has a client of it. */
async function openPage(fake: FakeSluice): Promise<Page> {
  const page = await browser.newPage()
  await page.route(`${fake.url}/page`, (route) => {
    return route.fulfill({ contentType: 'text/html', body: PAGE })
  })
  await page.route(`${fake.url}/client/*`, async (route) => {
    const path = join(ROOT, 'src', new URL(route.request().url()).pathname)
    const body = stripTypeScriptTypes(await readFile(path, 'utf8'))
    return route.fulfill({ contentType: 'text/javascript', body })
  })
  await page.goto(`${fake.url}/page`)
  await page.waitForFunction(() => 'sluice' in globalThis)
  return page
}

/** In the page. */
declare const sluice: Sluice

describe('in a browser', { timeout: 60_000 }, () => {
  test('a request is submitted, followed and read', async () => {
    await using fake = await FakeSluice.start()
    const page = await openPage(fake)
    const seen = await page.evaluate(async () => {
      const mappings = [{ id: 'ü', source: 'shop', target: 'crm' }]
      const { request_id } = await sluice.submit({ mappings })
      const progress: number[] = []
      for await (const status of sluice.events(request_id)) progress.push(status.progress)
      const { status } = await sluice.wait(request_id)
      const ids: string[] = []
      for await (const { id } of sluice.results(request_id)) ids.push(id)
      const csv = await new Response(
        await sluice.exportResults(request_id, { format: 'csv' }),
      ).text()
      return { progress, status, ids, csv }
    })
    expect(seen).toEqual({
      progress: [0, 100],
      status: 'completed',
      ids: ['ü'],
      csv: 'id,source,target\r\nü,shop,crm\r\n',
    })
  })

  test('what is made by and by is gathered and sent, compressed too; a file is sent as it is', async () => {
    await using fake = await FakeSluice.start()
    const page = await openPage(fake)
    const totals = await page.evaluate(async () => {
      async function* contacts() {
        for (let index = 0; index < 3; index++) {
          yield { id: `m${index}`, source: 'shop', target: 'crm' }
        }
      }
      const file = new File(['id,source,target\na,shop,crm\n'], 'contacts.csv')
      const receipts = [
        await sluice.submitStream(contacts()),
        await sluice.submitStream(contacts(), { gzip: true }),
        await sluice.submitStream(file, { format: 'csv' }),
      ]
      return receipts.map((receipt) => receipt.total_mappings)
    })
    expect(totals).toEqual([3, 3, 1])
    expect(fake.received.map(({ headers }) => headers['content-encoding'])).toEqual([
      undefined,
      'gzip',
      undefined,
    ])
  })

  test('errors say what they say elsewhere', async () => {
    await using fake = await FakeSluice.start()
    const page = await openPage(fake)
    const told = await page.evaluate(async () => {
      const errors: unknown[] = []
      await sluice.status('other').catch(({ name, type }) => errors.push([name, type]))
      const signal = AbortSignal.abort(new Error('enough'))
      await sluice.wait('other', { signal }).catch(({ message }) => errors.push(message))
      return errors
    })
    expect(told).toEqual([['SluiceError', '/problems/not-found'], 'enough'])
  })
})
