/** What the client takes for the contract is what the server says it is. The types are checked by tsc. */
import type { Static } from 'typebox'
import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  type IngestRequest,
  type Json,
  MAPPING_STATES,
  PRIORITIES,
  PROBLEM_SLUGS,
  type ProblemErrorCode,
  REQUEST_STATES,
  type Rehearsal,
  type RequestStatus,
  type System,
} from '../../src/client/index.ts'
import * as mapping from '../../src/core/mapping.ts'
import * as request from '../../src/core/request.ts'
import * as verdict from '../../src/core/verdict.ts'
import { PROBLEMS } from '../../src/http/problem.ts'
import type { RehearsalView } from '../../src/http/rehearsal-schema.ts'
import type { RequestStatus as ServedStatus } from '../../src/http/status.ts'
import type { SystemSchema } from '../../src/http/system.ts'
import type { ProblemCode } from '../../src/intake/problem.ts'
import type { IngestSchema } from '../../src/intake/schema.ts'
import { readSources } from '../structure/sources.ts'

/** Every field of it, and of what is in it, may be written. */
type Writable<T> = T extends object ? { -readonly [Key in keyof T]: Writable<T[Key]> } : T

/** What the server calls unknown is any JSON. */
type Served<T> = unknown extends T
  ? Json
  : T extends object
    ? { readonly [Key in keyof T]: Served<T[Key]> }
    : T

describe('the client knows', () => {
  test('every problem', () => {
    expect(Object.keys(PROBLEMS).filter((slug) => !isKnown(slug))).toEqual([])
    expectTypeOf<ProblemCode>().toExtend<ProblemErrorCode>()
  })

  test('every state and priority', () => {
    expect(REQUEST_STATES).toEqual(request.REQUEST_STATES)
    expect(MAPPING_STATES).toEqual(verdict.MAPPING_STATES)
    expect(PRIORITIES).toEqual(mapping.PRIORITIES)
  })

  test('every code that an attempt may end with', () => {
    const sources = readSources()
    const client = sources.find(({ path }) => path === 'client/wire.ts')?.text ?? ''
    const [, union = ''] = /type ResultErrorCode =([^/]*)/.exec(client) ?? []
    const known = new Set(quotedIn(union, /'(\w+)'/g))
    const given = sources
      .filter(({ path }) => /^(?:deliver|dispatch|core)\//.test(path) && !/callback/.test(path))
      .flatMap(({ text }) => quotedIn(text, /(?:\bcode: |misconfigured\(\s*stage,\s*)'([a-z_]+)'/g))
    expect(new Set(given).size).toBeGreaterThan(20)
    expect(given.filter((code) => !known.has(code))).toEqual([])
  })

  test('every field that a request may have, and no other', () => {
    expectTypeOf<keyof IngestRequest>().toEqualTypeOf<keyof Static<typeof IngestSchema>>()
    expectTypeOf<Writable<IngestRequest>>().toExtend<Static<typeof IngestSchema>>()
  })

  test('every field of what is answered', () => {
    expectTypeOf<ServedStatus>().toExtend<RequestStatus>()
    expectTypeOf<keyof ServedStatus>().toEqualTypeOf<keyof RequestStatus>()
    expectTypeOf<Served<RehearsalView>>().toExtend<Rehearsal>()
    expectTypeOf<keyof RehearsalView>().toEqualTypeOf<keyof Rehearsal>()
    expectTypeOf<Static<typeof SystemSchema>>().toExtend<System>()
    expectTypeOf<keyof Static<typeof SystemSchema>>().toEqualTypeOf<keyof System>()
  })
})

function quotedIn(text: string, form: RegExp): readonly string[] {
  return [...text.matchAll(form)].map(([, word = '']) => word)
}

function isKnown(slug: string): boolean {
  return PROBLEM_SLUGS.some((known) => known === slug)
}
