/**
 * Every hostile target there is, all at once and again and again, in one process: each call ends
 * within its deadline and as the right verdict, and nothing of it is kept in memory.
 */
import { createServer as createTlsServer } from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import { USUAL_ANSWERS } from '../../src/core/answers.ts'
import { decide } from '../../src/core/decide.ts'
import { DEFAULT_RETRY } from '../../src/core/retry.ts'
import type { Verdict } from '../../src/core/verdict.ts'
import type { Connection } from '../../src/deliver/kind.ts'
import type { HttpConfig } from '../../src/deliver/kinds/http/config.ts'
import { call } from '../deliver/calls.ts'
import { HOSTILE, UNFIT } from '../deliver/hostile-targets.ts'
import { connect, listen, rawTarget, silentTarget } from '../deliver/targets.ts'
import { pem } from '../deliver/tls/pem.ts'

setFlagsFromString('--expose-gc')

const WARM_UPS = 4
const ROUNDS = 25
/** Of those that would never answer … */
const DEADLINE_MS = 300
/** … and of all others, who must not need it. */
const LONG_MS = 10_000
/** The machine is shared: how late an ending may be noticed. */
const LATE_MAX_MS = 2000
const HEAP_GROWTH_MAX = 8e6
/** Of what has been given back the allocator keeps some; the bombs of all rounds unpack to 1.8 GB. */
const RSS_GROWTH_MAX = 128e6

interface Case {
  readonly target: string
  readonly connection: Connection
  readonly verdict: Verdict['kind']
  readonly code: string | null
}

/** What a write to `config` comes to, by the verdict and the code of its error. */
function expected(
  target: string,
  config: HttpConfig,
  verdict: Verdict['kind'],
  code: string | null = null,
): Case {
  const timeout = code === 'timeout' ? DEADLINE_MS : LONG_MS
  const connection = connect({ max_response: '10KB', ...config }, { timeout })
  return { target, connection, verdict, code }
}

async function matrix(): Promise<readonly Case[]> {
  const unanswered = HOSTILE.map(async ({ target, behave, code }) => {
    return expected(target, { base_url: await rawTarget(behave) }, 'retry', code)
  })
  const unfit = UNFIT.flatMap(({ target, behave }) =>
    (
      [
        ['200 OK', 'completed', null],
        ['422 x', 'failed', 'target_rejected'],
        ['503 x', 'retry', 'target_unavailable'],
      ] as const
    ).map(async ([status, verdict, code]) => {
      const base_url = await rawTarget((socket) => behave(socket, status))
      return expected(`${target} with ${status}`, { base_url }, verdict, code)
    }),
  )
  const certificates = ['server', 'self-signed', 'expired', 'elsewhere'].map(async (name) => {
    const tls = name === 'server' ? {} : { ca: pem('ca.crt') }
    const config = { base_url: await tlsTarget(name), tls }
    return expected(`shows the certificate ${name}`, config, 'retry', 'connection_failed')
  })
  return Promise.all([...unanswered, ...unfit, ...certificates, ...hanging()])
}

/** Targets with which nothing can be agreed on, at each stage before a request is sent. */
function hanging(): Promise<Case>[] {
  const plain = async () => {
    const base_url = (await rawTarget((socket) => socket.end('no'))).replace('http:', 'https:')
    return expected('does not speak TLS', { base_url }, 'retry', 'connection_failed')
  }
  const handshake = async () => {
    const base_url = (await rawTarget(() => {})).replace('http:', 'https:')
    return expected('hangs in the handshake', { base_url }, 'retry', 'timeout')
  }
  const connection = async () => {
    const config = { base_url: await silentTarget() }
    return expected('never takes the connection', config, 'retry', 'timeout')
  }
  const name = async () => {
    const resolve = () => new Promise<never>(() => {})
    const config = { base_url: 'http://shop.test' }
    const connection = connect(config, { timeout: DEADLINE_MS, resolve })
    const [verdict, code] = ['retry', 'timeout'] as const
    return { target: 'has a name that nobody resolves', connection, verdict, code }
  }
  return [plain(), handshake(), connection(), name()]
}

async function tlsTarget(name: string): Promise<string> {
  const identity = { cert: pem(`${name}.crt`), key: pem(`${name}.key`) }
  const server = createTlsServer(identity, (socket) => socket.on('error', () => {}))
  server.on('tlsClientError', () => {})
  onTestFinished(() => {
    server.close()
  })
  return (await listen(server)).replace('http:', 'https:')
}

async function round(cases: readonly Case[]): Promise<void> {
  await Promise.all(
    cases.map(async ({ target, connection, verdict: kind, code }) => {
      const startedAt = performance.now()
      const outcome = await connection.write(call(), {})
      const took = performance.now() - startedAt
      const policy = { retry: DEFAULT_RETRY, answers: USUAL_ANSWERS }
      const verdict = decide(outcome, 1, policy, 0, () => 0.5)
      const error = 'error' in verdict ? (verdict.error?.code ?? null) : null
      expect({ target, kind: verdict.kind, code: error }).toEqual({ target, kind, code })
      expect({ target, late: took > DEADLINE_MS + LATE_MAX_MS }).toEqual({ target, late: false })
    }),
  )
}

/** What is still needed of the memory, in bytes. */
function held() {
  runInNewContext('gc')()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: heapUsed + external, rss }
}

test('no hostile target harms us, however often it is called', { timeout: 120_000 }, async () => {
  const cases = await matrix()
  for (let n = 0; n < WARM_UPS; n++) await round(cases)
  const before = held()
  for (let n = 0; n < ROUNDS; n++) await round(cases)
  const after = held()
  expect(after.heap - before.heap).toBeLessThan(HEAP_GROWTH_MAX)
  expect(after.rss - before.rss).toBeLessThan(RSS_GROWTH_MAX)
})
