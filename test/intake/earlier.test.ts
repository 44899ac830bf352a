import { expect, test } from 'vitest'
import { NO_TERMS } from '../../src/core/request.ts'
import { faultOfEarlier } from '../../src/intake/earlier.ts'
import { openMemoryStore } from '../../src/store/sqlite/memory.ts'
import { inserted } from '../contract/steps.ts'
import { newRequest, TENANT } from '../support/requests.ts'

const GONE = { ...NO_TERMS, retryOf: '01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11' }

test('what comes again by a known key is not refused for an earlier request that is gone', async () => {
  const store = await openMemoryStore()
  await inserted(store, { idempotency: { key: 'known', fingerprint: 'f' } })
  const faultFor = (idempotencyKey: string | null, tenant = TENANT) =>
    faultOfEarlier(GONE, { tenant, idempotencyKey }, store)
  expect(await faultFor('known')).toBeNull()
  for (const fault of [faultFor('new'), faultFor(null), faultFor('known', 'acme')]) {
    expect(await fault).toMatchObject({ code: 'unknown_request' })
  }
  const { id } = await inserted(store, newRequest())
  const there = { ...GONE, retryOf: id }
  expect(await faultOfEarlier(there, { tenant: TENANT, idempotencyKey: null }, store)).toBeNull()
  await store.close()
})
