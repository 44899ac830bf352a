import Type, { type Static } from 'typebox'
import { BOUNDS } from '../core/forecast.ts'
import { PRIORITIES } from '../core/mapping.ts'
import { RECORDS } from '../core/preview.ts'
import type { ProblemDocument } from './problem.ts'
import { REHEARSAL_EXAMPLE } from './rehearsal-example.ts'
import { GateSchema } from './waiting.ts'

const Count = Type.Integer({ minimum: 0 })
const Seconds = Type.Integer({ minimum: 1 })
const Call = Type.Record(Type.String(), Type.Unknown())

const LaneSchema = Type.Object({
  target: Type.String(),
  kind: Type.String({ examples: ['http'] }),
  mappings: Count,
  batches: Count,
  reads_from: Type.Array(Type.String(), { description: 'The systems that hold its records.' }),
  predicted_seconds: Type.Union([Seconds, Type.Null()], {
    description:
      'With one attempt at each mapping, with the limits used to the full, and with nothing that comes in later. A source counts with what this request reads from it. Null where nobody can tell: the gate of one of its systems is closed, and does not open by itself.',
  }),
  bounded_by: Type.Enum(BOUNDS, {
    type: 'string',
    description:
      'What takes most of that time; `backlog` is what goes before, `not_before` the time for which it waits.',
  }),
  because: Type.String({ description: 'How that is reckoned, for a person.' }),
  mappings_before: Type.Integer({
    minimum: 0,
    description:
      'About how many of those that are open for the target go before its last one, by fair rank.',
  }),
  gate: GateSchema,
  limits: Type.Object(
    {
      concurrency: Type.Integer({ minimum: 1, description: 'What is found out, where it is.' }),
      rate: Type.Array(Type.String({ examples: ['100/s'] })),
      learned_rate: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
        description: 'Calls a second that it has taught us it takes.',
      }),
      mappings_per_call: Type.Integer({ minimum: 1 }),
    },
    { description: 'Of the target, as they are in force now.' },
  ),
  call_ms: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
    description: 'How long a call to it has taken of late; null where nobody knows.',
  }),
})

const MappingSchema = Type.Object({
  id: Type.String(),
  source: Type.String(),
  target: Type.String(),
  record: Type.Union([Type.Enum(RECORDS, { type: 'string' }), Type.Null()], {
    description:
      '`data`: it came along. `source`: it is read when the mapping is carried out, and not now. `none`: there is none.',
  }),
  payload: Type.Unknown({
    description:
      'What would be written; null where that is not known. An expression that asks for a record that is not read now is left as it was written.',
  }),
  depends_on_record: Type.Array(Type.String(), {
    description: 'JSON pointers into the payload, to what only that record can tell.',
  }),
  read: Type.Union([Call, Type.Null()], {
    description: 'The call that would read the record, in the form of its kind.',
  }),
  write: Type.Union(
    [
      Type.Object({
        mappings: Type.Array(Type.String(), {
          description: 'Those of the mappings shown here that would share it.',
        }),
        holds_up_to: Type.Integer({ minimum: 1, description: 'How many one call may hold.' }),
        call: Type.Record(Type.String(), Type.Unknown(), {
          description:
            'In the form of its kind; of `http` the method, url, headers and body. What is secret is `***`, and the nil UUID stands for the request id.',
        }),
      }),
      Type.Null(),
    ],
    { description: 'The call that would write the payload; null where it is not known or shown.' },
  ),
  error: Type.Union(
    [
      Type.Object({ code: Type.String(), message: Type.String(), stage: Type.String() }),
      Type.Null(),
    ],
    { description: 'What the mapping would fail with; null where nothing is known to go wrong.' },
  ),
  notes: Type.Array(Type.String(), { description: 'Why something is not shown.' }),
})

export const RehearsalSchema = Type.Object(
  {
    would_be: Type.Enum(['accepted', 'replayed', 'refused'], {
      type: 'string',
      description:
        '`replayed`: the first answer to this Idempotency-Key would come again. `refused`: it is good, and would be turned away now.',
    }),
    replay_of: Type.Union([Type.String({ format: 'uuid' }), Type.Null()], {
      description: 'The request that the Idempotency-Key stands for.',
    }),
    problem: Type.Union([Type.Unsafe<ProblemDocument>({ $ref: 'Problem#' }), Type.Null()], {
      description: 'Why it would be turned away.',
    }),
    total_mappings: Type.Integer({
      minimum: 1,
      description: 'Those that would be skipped among them.',
    }),
    skipped_mappings: Type.Integer({
      minimum: 0,
      description: 'With `on_invalid=skip`: how many are not good, and would fail.',
    }),
    priority: Type.Enum(PRIORITIES, { type: 'string' }),
    batches: Type.Integer({ minimum: 1 }),
    batch_size: Type.Integer({
      minimum: 1,
      description: 'How many mappings a batch holds at most.',
    }),
    predicted_seconds: Type.Union([Seconds, Type.Null()], {
      description: 'That of the lane that takes longest; null where one cannot be told.',
    }),
    lanes: Type.Array(LaneSchema, { description: 'One for each target.' }),
    mappings: Type.Array(MappingSchema, { description: 'The first five.' }),
  },
  {
    $id: 'Rehearsal',
    description: 'What would come of a request, were it handed in now. Nothing of it is kept.',
    examples: [REHEARSAL_EXAMPLE],
  },
)

export type RehearsalView = Static<typeof RehearsalSchema>
export type LaneView = Static<typeof LaneSchema>
export type PreviewView = Static<typeof MappingSchema>
