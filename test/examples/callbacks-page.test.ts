import { readFileSync } from 'node:fs'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test, vi } from 'vitest'
import { readSettings } from '../../src/config/settings.ts'
import { CALLBACK_TIMEOUT_MS, callbackRules } from '../../src/deliver/callbacks/rules.ts'
import { parse } from '../../src/intake/parse.ts'

const PAGE = readFileSync(new URL('../../docs/callbacks.md', import.meta.url), 'utf8')
const SECRETS = [1, 2, 3].map((fill) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`)
const [OLD = '', NEW = '', OTHER = ''] = SECRETS

function fenced(language: string): readonly string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm')
  return [...PAGE.matchAll(fence)].map(([, text = '']) => text)
}

/** What a piece of the page exports, run as it stands there. */
function load(code = ''): Promise<Record<string, (...given: unknown[]) => unknown>> {
  const library = import.meta.resolve('standardwebhooks')
  const text = code.replace("'standardwebhooks'", JSON.stringify(library))
  return import(`data:text/javascript,${encodeURIComponent(text)}`)
}

function message(at: number, ...secrets: readonly string[]) {
  const body = JSON.stringify({ type: 'request.completed', é: 1 })
  const sign = (secret: string) => new Webhook(secret).sign('id', new Date(at), body)
  const headers = {
    'webhook-id': 'id',
    'webhook-timestamp': String(Math.floor(at / 1000)),
    'webhook-signature': secrets.map(sign).join(' '),
  }
  return { body, headers }
}

describe('docs/callbacks.md', () => {
  test('checks a message with the library', async () => {
    vi.stubEnv('WEBHOOK_SECRET', OLD)
    const { verified } = await load(fenced('js')[0])
    const { body, headers } = message(Date.now(), NEW, OLD)
    expect(verified?.(body, headers)).toEqual(JSON.parse(body))
    expect(() => verified?.(`${body} `, headers)).toThrow()
    vi.unstubAllEnvs()
  })

  test('checks a message by hand', async () => {
    const { isFromSluice } = await load(fenced('js')[1])
    const now = Date.now()
    const { body, headers } = message(now, NEW, OLD)
    for (const secret of [OLD, NEW]) expect(isFromSluice?.(body, headers, secret, now)).toBe(true)
    expect(isFromSluice?.(body, headers, OTHER, now)).toBe(false)
    expect(isFromSluice?.(`${body} `, headers, OLD, now)).toBe(false)
    expect(isFromSluice?.(body, { ...headers, 'webhook-id': 'x' }, OLD, now)).toBe(false)
    expect(isFromSluice?.(body, {}, OLD, now)).toBe(false)
    for (const off of [-301_000, 301_000]) {
      expect(isFromSluice?.(body, headers, OLD, now + off)).toBe(false)
    }
  })

  test('shows a request that is taken, and answers that are JSON', async () => {
    const [request = '', ...answers] = fenced('json')
    const systems = { mode: 'demo', has: () => true, reads: () => false, names: [] } as const
    const callbacks = { areSigned: true, addressFault: () => null }
    const rules = { systems, callbacks, mappingsMax: 10, now: 0, onInvalid: 'refuse' } as const
    expect(await parse(Buffer.from(request), rules)).toMatchObject({
      kind: 'parsed',
      terms: { callbackUrl: 'https://ops.example.com/sluice' },
    })
    expect(answers).toHaveLength(2)
    for (const answer of answers) expect(() => JSON.parse(answer)).not.toThrow()
  })

  test('tells how often, how long and how many, as it is', () => {
    const { retry, breaker } = callbackRules(20)
    expect(PAGE).toContain(`There are ${retry.attempts} attempts.`)
    expect(PAGE).toContain(`doubles from ${retry.first / 1000} s to ${retry.cap / 3_600_000} h`)
    expect(PAGE).toContain(`within ${CALLBACK_TIMEOUT_MS / 1000} s`)
    expect(PAGE).toContain(`nine in ten of at least ${breaker.minimum} calls within a minute`)
    expect(breaker).toMatchObject({ failureRatio: 0.9, window: 60_000, cooldown: 60_000 })
  })

  test('makes a secret that is taken', () => {
    const openssl = Buffer.alloc(32, 0xfb).toString('base64')
    const read = readSettings({ SLUICE_CALLBACK_SECRETS: `whsec_${openssl}` }, {})
    expect(read).toMatchObject({ ok: true })
  })
})
