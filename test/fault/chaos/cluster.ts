import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Random } from '../../../src/core/units.ts'
import type { PostgresServer } from '../../support/postgres.ts'
import {
  type Service,
  startService,
  temporaryDirectory,
  WORKER,
  writeSystems,
} from '../../support/process.ts'
import type { Trouble } from './checks.ts'
import { DATABASE, pick, type Step } from './plan.ts'
import type { Systems } from './systems.ts'

export const WORKERS = ['worker-1', 'worker-2', 'worker-3', 'worker-4'] as const
export const APIS = ['api-1', 'api-2'] as const

/** What no process may say of itself, whatever goes on around it. */
const BUGS = ['request_repaired', 'http_failed']

/** All processes around one PostgreSQL, and what was done to them. */
export class Cluster {
  readonly troubles: Trouble[] = []
  /** What happened, in order, for who must find out why a run failed. */
  readonly history: string[] = []
  readonly #postgres: PostgresServer
  readonly #systems: Systems
  readonly #running = new Map<string, Service>()
  readonly #directories = new Map<string, string>()
  readonly #urls = new Map<string, string>()
  readonly #began = performance.now()

  constructor(postgres: PostgresServer, systems: Systems) {
    this.#postgres = postgres
    this.#systems = systems
  }

  /** Resolves when all are at work. */
  async start(): Promise<void> {
    for (const name of [...WORKERS, ...APIS]) {
      const directory = await temporaryDirectory()
      await writeSystems(directory, this.#systems.entries(name))
      this.#directories.set(name, directory)
    }
    await Promise.all([...WORKERS, ...APIS].map((name) => this.#start(name)))
  }

  /** Where an API answers, or did until a moment ago. */
  url(random: Random): string {
    return this.#urls.get(pick(APIS, random)) ?? ''
  }

  note(what: string): void {
    this.history.push(`${((performance.now() - this.#began) / 1000).toFixed(2)} s: ${what}`)
  }

  /** Does what the steps say, each in its time: victims suffer side by side, each one thing at a time. */
  async sufferAll(steps: readonly Step[]): Promise<void> {
    const began = performance.now()
    const ofEach = [...Map.groupBy(steps, ({ victim }) => victim).values()]
    await Promise.all(
      ofEach.map(async (own) => {
        for (const step of own) {
          await pause(Math.max(0, began + step.at - performance.now()))
          await this.#suffer(step)
        }
      }),
    )
  }

  async #suffer({ victim, fate, lasts }: Step): Promise<void> {
    this.note(`${victim} ${fate} for ${lasts} ms`)
    const from = performance.now()
    const trouble = { victim, from, until: Number.POSITIVE_INFINITY }
    this.troubles.push(trouble)
    const goOn = await this.#strike(victim, fate)
    await pause(lasts)
    // Before it is: what a process does as it goes on comes after.
    trouble.until = performance.now()
    await goOn()
    this.note(`${victim} is back`)
  }

  async #strike(victim: string, fate: Step['fate']): Promise<() => Promise<void>> {
    if (victim === DATABASE) {
      await (fate === 'crashed' ? this.#postgres.crash() : this.#postgres.shutDown())
      return () => this.#postgres.restart()
    }
    const service = this.#running.get(victim)
    if (service === undefined) throw new Error(`${victim} does not run`)
    if (fate === 'stopped') {
      service.kill('SIGSTOP')
      return async () => service.kill('SIGCONT')
    }
    service.kill('SIGKILL')
    expect(await service.ended).toEqual({ code: null, stderr: '' })
    expectNoBugs(service)
    return () => this.#start(victim)
  }

  /** Tells all to stop, and expects that they do, in order. */
  async stop(): Promise<void> {
    const services = [...this.#running.values()]
    for (const service of services) service.kill('SIGTERM')
    for (const service of services) {
      expect(await service.ended).toEqual({ code: 0, stderr: '' })
      expectNoBugs(service)
    }
  }

  async #start(name: string): Promise<void> {
    const directory = this.#directories.get(name) ?? ''
    const env = { DATABASE_URL: this.#postgres.url }
    const isApi = name.startsWith('api')
    const service = isApi
      ? startService({ directory, env: { ...env, SLUICE_ROLE: 'api' } })
      : startService({ directory, env, command: WORKER })
    this.#running.set(name, service)
    const url = await service.started()
    if (isApi) this.#urls.set(name, url)
  }
}

function expectNoBugs({ lines }: Service): void {
  expect(lines.filter(({ msg }) => BUGS.includes(msg))).toEqual([])
}
