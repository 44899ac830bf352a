/** Hostile expressions in the real service: they harm nobody but the mapping that brings them. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Sluice } from '../../src/client/index.ts'
import { type Service, startService, temporaryDirectory, writeSystems } from '../support/process.ts'
import { childrenOf, isAlive, soon } from '../support/processes.ts'
import { HOSTILE, HOSTILE_RECORD } from '../support/transform.ts'

const SECRET = 'correct-horse-battery-staple'

async function start(): Promise<{ service: Service; client: Sluice }> {
  const directory = await temporaryDirectory()
  await writeSystems(directory, { shop: { kind: 'simulated', latency: '0ms', success_rate: 1 } })
  const service = startService({ directory, env: { SHOP_TOKEN: SECRET } })
  return { service, client: new Sluice({ baseUrl: await service.started() }) }
}

function mapping(id: string, transformation: Record<string, string>) {
  return { id, source: 'shop', target: 'shop', data: HOSTILE_RECORD, transformation }
}

test('every hostile mapping fails as what it is, and all others complete', async () => {
  const { service, client } = await start()
  const hostile = Object.values(HOSTILE)
  const mappings = hostile.flatMap(([expression], index) => [
    mapping(`hostile_${index}`, { x: `{% ${expression} %}` }),
    mapping(`computed_${index}`, { id: '{% id & " of " & metadata.run %}' }),
    mapping(`literal_${index}`, { id: 'literal' }),
  ])
  const { request_id } = await client.submit({ mappings, metadata: { run: 'nightly' } })
  const results = new Map<string, string | null>()
  await client.wait(request_id)
  for await (const { id, status, error } of client.results(request_id)) {
    results.set(id, status === 'completed' ? null : (error?.code ?? status))
  }
  expect(Object.fromEntries(results)).toEqual(
    Object.fromEntries(
      hostile.flatMap(([, code], index) => [
        [`hostile_${index}`, code],
        [`computed_${index}`, null],
        [`literal_${index}`, null],
      ]),
    ),
  )
  expect(service.lines.filter(({ level }) => level !== 'info')).toEqual([])
}, 120_000)

const LINUX_ONLY = 'reads /proc'

test.runIf(process.platform === 'linux')(
  `the transformer has no environment, and ends with the service, busy or not (${LINUX_ONLY})`,
  async () => {
    const { service, client } = await start()
    expect(childrenOf(service.pid)).toEqual([])
    const [expression = ''] = HOSTILE['a catastrophic regular expression'] ?? []
    const stuck = mapping('stuck', { x: `{% ${expression} %}` })
    await client.submit({ mappings: [mapping('ok', { x: '{% id %}' })] })
    const transformer = await soon(() => childrenOf(service.pid).find(isAtWork))
    await client.submit({ mappings: [stuck] })
    await soon(() => (isBusy(transformer) ? true : undefined))
    const names = readFileSync(`/proc/${transformer}/environ`, 'utf8').split('\0').filter(Boolean)
    expect(names.map((pair) => pair.split('=')[0]).sort()).toEqual([
      'NODE_CHANNEL_FD',
      'NODE_CHANNEL_SERIALIZATION_MODE',
    ])

    service.kill('SIGKILL')
    await service.ended
    await soon(() => (isAlive(transformer) ? undefined : true))
  },
)

/** It has become what it is to be: between fork and exec it is still a copy of its parent. */
function isAtWork(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--permission')
}

/** Whether it has been running, and not waiting, for a while. */
function isBusy(pid: number): boolean {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')
  return fields?.[0] === 'R' && Number(fields[11]) > 40
}
