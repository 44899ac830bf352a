import Type from 'typebox'
import { describe, expect, test } from 'vitest'
import { USUAL_ANSWERS } from '../../src/core/answers.ts'
import type { SystemEntry } from '../../src/core/system.ts'
import type { Kind } from '../../src/deliver/kind.ts'
import { openDemoSystems, openSystems } from '../../src/deliver/systems.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'

const PORTS = { clock: systemClock, random: systemRandom }

/** A kind that only counts its connections. */
function countingKind() {
  const open = new Set<string>()
  const kind: Kind = {
    name: 'counting',
    config: Type.Object({}),
    connect(system) {
      open.add(system.name)
      return {
        read: null,
        write: () => Promise.resolve({ kind: 'delivered', result: system.config }),
        bulk: null,
        close: async () => {
          open.delete(system.name)
        },
      }
    },
  }
  return { kind, open }
}

function entry(name: string): SystemEntry {
  const limits = { concurrency: 3, rate: null }
  const retry = { attempts: 1, first: 1, cap: 1 }
  return {
    name,
    kind: 'counting',
    limits,
    retry,
    timeout: 5,
    answers: USUAL_ANSWERS,
    config: { of: name },
    shown: { of: name },
  }
}

describe('configured systems', () => {
  test('are known by name, in the order of the file, and no others', async () => {
    const { kind } = countingKind()
    const systems = openSystems([entry('b'), entry('a'), entry('__proto__')], [kind], PORTS)
    expect(systems.mode).toBe('configured')
    expect(systems.names).toEqual(['b', 'a', '__proto__'])
    expect(systems.get('a')).toMatchObject({ name: 'a', kind: 'counting', timeout: 5 })
    expect(systems.get('A')).toBeNull()
    expect(systems.get('constructor')).toBeNull()
  })

  test('tell their kind which texts of the config came by reference, and only those', () => {
    const told: (readonly string[])[] = []
    const { kind } = countingKind()
    const telling: Kind = {
      ...kind,
      connect(system) {
        told.push(system.secrets)
        return kind.connect(system)
      },
    }
    const config = {
      url: 'https://crm',
      read: { path: '/hooks/a/b/c', query: { key: 'say key and canary' } },
      list: ['open', 'canary'],
      max: 7,
    }
    const shown = {
      url: 'https://crm',
      read: { path: '/hooks/***/b/***', query: { key: 'say key and ***' } },
      list: ['open', '***'],
      max: 7,
    }
    openSystems([{ ...entry('a'), config, shown }], [telling], PORTS)
    expect(told).toEqual([['a', 'c', 'canary', 'canary']])
  })

  test('are all closed', async () => {
    const { kind, open } = countingKind()
    const systems = openSystems([entry('a'), entry('b')], [kind], PORTS)
    expect(open.size).toBe(2)
    await systems.close()
    expect(open.size).toBe(0)
  })
})

describe('demo systems', () => {
  test('stand behind every name, made once and with the usual limits', () => {
    const { kind } = countingKind()
    const systems = openDemoSystems(kind, 20, PORTS)
    expect(systems.mode).toBe('demo')
    expect(systems.names).toEqual([])
    const system = systems.get('anything')
    expect(system).toMatchObject({ name: 'anything', limits: { concurrency: 20, rate: null } })
    expect(systems.get('anything')).toBe(system)
  })

  test('are never more than ten thousand at a time', async () => {
    const { kind, open } = countingKind()
    const systems = openDemoSystems(kind, 20, PORTS)
    const first = systems.get('0')
    for (let n = 1; n <= 10_000; n++) systems.get(String(n))
    expect(systems.get('0')).not.toBe(first)
    await systems.close()
    expect(open.size).toBeLessThanOrEqual(1)
  })
})
