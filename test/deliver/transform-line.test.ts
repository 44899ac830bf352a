/** The line before one transformer process, with a process and a time of the test's own. */
import { describe, expect, test } from 'vitest'
import type { ChildEvents } from '../../src/deliver/transform/child.ts'
import type { Answer } from '../../src/deliver/transform/job.ts'
import { type Cause, Line, type Queued } from '../../src/deliver/transform/line.ts'
import { pass } from '../dispatch/time.ts'
import { SimulatedClock } from '../sim/clock.ts'

const ANSWER: Answer = { kind: 'payload', payload: {} }

/** A process that does what the test says. */
interface FakeChild extends ChildEvents {
  readonly received: (readonly string[])[]
  killed: boolean
}

interface Job extends Queued {
  isOver: boolean
  answered: boolean
}

function job(text: string): Job {
  const made: Job = {
    text,
    isOver: false,
    answered: false,
    answer: () => {
      made.answered = true
      made.isOver = true
    },
  }
  return made
}

function open({ together = 100 } = {}) {
  const clock = new SimulatedClock()
  const children: FakeChild[] = []
  const culprits: [string, Cause][] = []
  const unavailable: string[] = []
  const line = new Line<Job>({
    clock,
    together,
    onCulprit: ({ text }, cause) => culprits.push([text, cause]),
    onUnavailable: (reason) => unavailable.push(reason),
    start: (events) => {
      const child: FakeChild = { ...events, received: [], killed: false }
      children.push(child)
      return {
        send: (jobs) => child.received.push(jobs),
        kill: () => {
          child.killed = true
        },
      }
    },
  })
  const child = (index = children.length - 1): FakeChild => {
    const found = children[index]
    if (found === undefined) throw new Error('no process was started')
    return found
  }
  /** Adds jobs in one turn of the event loop, and lets that turn end. */
  async function add(...texts: readonly string[]): Promise<readonly Job[]> {
    const jobs = texts.map(job)
    for (const each of jobs) line.add(each)
    await Promise.resolve()
    return jobs
  }
  return { clock, children, child, culprits, unavailable, line, add }
}

describe('a line', () => {
  test('starts its process with the first job, and counts the start against nobody', async () => {
    const { clock, children, child, add } = open()
    expect(children).toHaveLength(0)
    await add('a')
    await pass(clock, 20_000)
    expect(child().received).toEqual([])
    child().onMessage({ kind: 'ready' })
    expect(child().received).toEqual([['a']])
    expect([children.length, child().killed]).toEqual([1, false])
  })

  test('sends in one message what came in one turn, or while the process was busy', async () => {
    const { child, add } = open()
    await add('a', 'b')
    child().onMessage({ kind: 'ready' })
    await add('c')
    await add('d')
    child().onMessage(ANSWER)
    child().onMessage(ANSWER)
    expect(child().received).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
  })

  test('bounds a message by its jobs and by its characters', async () => {
    const { child, add } = open({ together: 2 })
    await add('a', 'b', 'c'.repeat(900_000), 'd'.repeat(900_000), 'e')
    child().onMessage({ kind: 'ready' })
    for (let answers = 0; answers < 5; answers++) child().onMessage(ANSWER)
    expect(child().received.map((jobs) => jobs.map(([first]) => first))).toEqual([
      ['a', 'b'],
      ['c'],
      ['d', 'e'],
    ])
  })

  test('sends a job by itself that is longer than a message may be', async () => {
    const { child, add } = open()
    await add('a'.repeat(2_000_000), 'b')
    child().onMessage({ kind: 'ready' })
    expect(child().received.map((jobs) => jobs.map(([first]) => first))).toEqual([['a']])
    child().onMessage(ANSWER)
    expect(child().received.at(-1)).toEqual(['b'])
  })

  test('gives every job of a message its own second', async () => {
    const { clock, child, add } = open()
    const jobs = await add('a', 'b', 'c')
    child().onMessage({ kind: 'ready' })
    for (const _ of jobs) {
      await pass(clock, 900)
      child().onMessage(ANSWER)
    }
    expect(jobs.map(({ answered }) => answered)).toEqual([true, true, true])
    await pass(clock, 60_000)
    expect(child().killed).toBe(false)
  })

  test('kills a process that overruns; only the job it was at is to blame', async () => {
    const { clock, child, culprits, add } = open()
    await add('a', 'b', 'c')
    child().onMessage({ kind: 'ready' })
    child().onMessage(ANSWER)
    await add('d')
    await pass(clock, 1100)
    expect(child(0).killed).toBe(true)
    child(0).onEnd('SIGKILL')
    child(1).onMessage({ kind: 'ready' })
    expect(culprits).toEqual([['b', 'timeout']])
    expect(child(1).received).toEqual([['c', 'd']])
    child(1).onEnd('SIGABRT')
    expect(culprits.at(-1)).toEqual(['c', 'crashed'])
  })

  test('blames the job at which a process died, and goes on in a new one', async () => {
    const { child, culprits, add } = open()
    await add('a', 'b')
    child().onMessage({ kind: 'ready' })
    child().onEnd('SIGABRT')
    child(1).onMessage({ kind: 'ready' })
    expect(culprits).toEqual([['a', 'crashed']])
    expect(child(1).received).toEqual([['b']])
  })

  test('does not take a job for slow because the one before it brought its process down', async () => {
    const { clock, child, culprits, add } = open()
    for (const [index, text] of ['a', 'b'].entries()) {
      await add(text)
      child(index).onMessage({ kind: 'ready' })
      child(index).onEnd('SIGABRT')
      await pass(clock, 2000)
    }
    expect(culprits).toEqual([
      ['a', 'crashed'],
      ['b', 'crashed'],
    ])
  })

  test('blames nobody for a process that died at nothing', async () => {
    const { children, child, culprits, unavailable, add } = open()
    await add('a')
    child().onMessage({ kind: 'ready' })
    child().onMessage(ANSWER)
    child().onEnd('SIGKILL')
    expect([children.length, culprits, unavailable]).toEqual([1, [], []])
    await add('b')
    child(1).onMessage({ kind: 'ready' })
    expect(child(1).received).toEqual([['b']])
  })

  test('waits a second after a process that cannot be started, says so, and loses nothing', async () => {
    const { clock, children, child, culprits, unavailable, add } = open()
    await add('a')
    child().onEnd('out of memory')
    await add('b')
    expect([unavailable, children.length]).toEqual([['out of memory'], 1])
    await pass(clock, 1000)
    child(1).onMessage({ kind: 'ready' })
    expect([culprits, child(1).received]).toEqual([[], [['a', 'b']]])
  })

  test('gives up a process that takes too long to start', async () => {
    const { clock, child, add } = open()
    await add('a')
    await pass(clock, 30_000)
    expect(child().killed).toBe(true)
  })

  test('does not send what nobody waits for any more', async () => {
    const { child, add } = open()
    const [first] = await add('a', 'b')
    if (first !== undefined) first.isOver = true
    child().onMessage({ kind: 'ready' })
    expect(child().received).toEqual([['b']])
  })

  test('is closed when its process is gone, and leaves neither another nor a timer behind', async () => {
    const { clock, children, child, line, add } = open()
    await add('a')
    const closed = line.close()
    expect(child().killed).toBe(true)
    child().onMessage({ kind: 'ready' })
    child().onEnd('SIGKILL')
    await closed
    expect(child().received).toEqual([])
    expect(children).toHaveLength(1)
    expect(await clock.step(Number.POSITIVE_INFINITY)).toBe(false)
  })

  test('is closed at once where it has no process, or none any more', async () => {
    await open().line.close()
    const { child, line, add } = open()
    await add('a')
    child().onMessage({ kind: 'ready' })
    child().onMessage(ANSWER)
    child().onEnd('SIGKILL')
    await line.close()
  })
})
