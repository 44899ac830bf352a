import { describe, expect, test } from 'vitest'
import { type FailureGroup, type Mapping, Sluice } from '../../src/client/index.ts'
import { FakeSluice, problem } from '../client/fake.ts'
import { sluice } from './run.ts'

/** A fake that holds one request of four mappings, one of which will fail. */
async function holding() {
  const fake = await FakeSluice.start()
  const mappings = ['broken', 'crm', 'crm', 'crm'].map((target, index): Mapping => {
    return { id: `m${index}`, source: 'shop', target }
  })
  const { request_id: id } = await new Sluice({ baseUrl: fake.url }).submit({ mappings })
  fake.received.length = 0
  return {
    id,
    fake,
    run: (command: string, ...args: string[]) => sluice([command, ...args, '--url', fake.url]),
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  }
}

const STEERING = '\u001b[2J'

describe('failures', () => {
  test('are shown in groups, with what to do about them', async () => {
    await using held = await holding()
    const { code, stdout, stderr } = await held.run('failures', held.id)
    expect(code).toBe(0)
    expect(stdout).toMatch(/count │ target │ code +│ http │ for example │ message/)
    expect(stdout).toMatch(/1 │ broken │ target_rejected │ +422 │ m0 +│ it answered 422/)
    expect(stderr).toContain(`sluice retry ${held.id} --code … --target …`)
  })

  test('are none', async () => {
    await using held = await holding()
    held.fake.answers.push({ status: 200, body: [] })
    const ran = await held.run('failures', held.id)
    expect(ran).toEqual({ code: 0, stdout: 'Nothing has failed.\n', stderr: '' })
  })

  test('cannot steer a terminal, and are the same in JSON', async () => {
    await using held = await holding()
    const group: FailureGroup = {
      target: null,
      code: 'other',
      http_status: null,
      message: STEERING,
      count: 1234,
      sample_mapping_id: STEERING,
    }
    held.fake.answers.push({ status: 200, body: [group] }, { status: 200, body: [group] })
    const table = await held.run('failures', held.id)
    expect(table.stdout).not.toContain('\u001b')
    expect(table.stdout).toMatch(/1,234 │ several │ other │ +│ \\u001b\[2J +│ \\u001b\[2J/)
    const json = await held.run('failures', held.id, '--json')
    expect(json.stdout).not.toContain('\u001b')
    expect(JSON.parse(json.stdout)).toEqual([group])
  })
})

describe('cancel', () => {
  test('says what is left', async () => {
    await using held = await holding()
    const ran = await held.run('cancel', held.id)
    expect(held.fake.received[0]).toMatchObject({
      method: 'POST',
      path: `/requests/${held.id}/cancel`,
    })
    expect(ran).toEqual({
      code: 0,
      stdout: 'cancelled: 0 of 4 mappings completed, 4 cancelled in 3.4 s\n',
      stderr: '',
    })
  })

  test('says that calls may still be under way', async () => {
    await using held = await holding()
    const details = 'It is being cancelled: nothing more of it starts.'
    held.fake.answers.push({ status: 200, body: { status: 'in_progress', details } })
    const { stdout } = await held.run('cancel', held.id)
    expect(stdout).toBe(`${details}\n`)
  })

  test('writes the status as JSON', async () => {
    await using held = await holding()
    const { stdout } = await held.run('cancel', held.id, '--json')
    expect(JSON.parse(stdout)).toMatchObject({ request_id: held.id, status: 'cancelled' })
  })

  test('of a finished request ends with 2', async () => {
    await using held = await holding()
    held.fake.answers.push(problem(409, 'invalid-state', 'It is finished already.'))
    const ran = await held.run('cancel', held.id)
    expect(ran).toEqual({ code: 2, stdout: '', stderr: 'error: It is finished already.\n' })
  })
})

describe('retry', () => {
  test('hands over anew what failed, and writes the new id', async () => {
    await using held = await holding()
    const { code, stdout, stderr } = await held.run('retry', held.id)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'request-2\n' })
    expect(stderr).toBe('Accepted 1 mapping.\nFollow it with: sluice watch request-2\n')
    const [sent] = held.fake.received
    expect(sent).toMatchObject({ method: 'POST', path: `/requests/${held.id}/retry`, body: '{}' })
    expect(sent?.headers['idempotency-key']).toMatch(/^[\da-f]{32}$/)
  })

  test('only a group of it, under a key, and waits for it', async () => {
    await using held = await holding()
    const group = ['--code', 'target_rejected', '--target', 'broken']
    const { code } = await held.run('retry', held.id, ...group, '--idempotency-key', 'a', '--wait')
    expect(code).toBe(1)
    const [sent] = held.fake.received
    expect(JSON.parse(sent?.body ?? '')).toEqual({ code: 'target_rejected', target: 'broken' })
    expect(sent?.headers['idempotency-key']).toBe('a')
  })

  test('writes the receipt as JSON', async () => {
    await using held = await holding()
    const { stdout } = await held.run('retry', held.id, '--json')
    expect(JSON.parse(stdout)).toMatchObject({ request_id: 'request-2', total_mappings: 1 })
  })
})

describe('requests', () => {
  test('are listed, a row each', async () => {
    await using held = await holding()
    const { code, stdout, stderr } = await held.run('requests')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/request +│ status +│ done │ mappings │ failed │ priority │ created/)
    expect(stdout).toMatch(/request-1 │ in_progress │ +0% │ +4 │ +0 │ MEDIUM +│ 2026-01-31T12:00/)
    expect(held.fake.received[0]?.query).toEqual({ limit: '20' })
  })

  test('are none: it says so', async () => {
    await using fake = await FakeSluice.start()
    const { code, stdout } = await sluice(['requests', '--url', fake.url])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'No requests found.\n' })
  })

  test('as they are chosen, a line of JSON each', async () => {
    await using held = await holding()
    const filter = ['-s', 'failed', '-p', 'LOW', '--created-after', '2026-01-31T09:30:00Z']
    const { stdout } = await held.run('requests', ...filter, '--limit', '7', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ request_id: 'request-1', total_mappings: 4 })
    expect(held.fake.received[0]?.query).toEqual({
      status: 'failed',
      priority: 'LOW',
      created_after: '2026-01-31T09:30:00Z',
      limit: '7',
    })
  })
})
