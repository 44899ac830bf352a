/** The client and the command line, when the server is killed and started again under them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { MAIN } from '../cli/run.ts'
import { startService, temporaryDirectory } from '../support/process.ts'

/** Slow enough to be killed in the middle, and every mapping completes. */
const ENV = { SLUICE_SIMULATED_SUCCESS_RATE: '1', SLUICE_SIMULATED_LATENCY: '200ms' }
const TOTAL = 400

test('wait, events and watch outlive a server that is killed and started again', async () => {
  const directory = await temporaryDirectory()
  const first = startService({ directory, env: ENV })
  const url = await first.started()
  const sluice = new Sluice({ baseUrl: url })
  const mappings = Array.from({ length: TOTAL }, (_, index) => {
    return { id: `m${index}`, source: 'shop', target: 'crm' }
  })
  const { request_id: id } = await sluice.submit({ mappings })

  const waiting = sluice.wait(id)
  const watching = spawn(process.execPath, [MAIN, 'watch', id, '--url', url], { env: {} })
  const watched = Promise.all([text(watching.stdout), once(watching, 'close')])
  await once(watching.stdout, 'data')
  const seen: number[] = []
  let isKilled = false
  for await (const { processed_mappings, status } of sluice.events(id)) {
    seen.push(processed_mappings)
    if (processed_mappings === 0 || status === 'completed' || isKilled) continue
    isKilled = true
    first.kill('SIGKILL')
    await first.ended
    startService({ directory, env: { ...ENV, PORT: new URL(url).port } })
  }

  expect(isKilled).toBe(true)
  expect(seen).toEqual(seen.toSorted((one, other) => one - other))
  expect(seen.at(-1)).toBe(TOTAL)
  expect(await waiting).toMatchObject({ status: 'completed', completed_mappings: TOTAL })
  const [shown] = await watched
  expect(watching.exitCode).toBe(0)
  expect(shown).toContain(`completed: ${TOTAL} of ${TOTAL} mappings completed`)
}, 60_000)
