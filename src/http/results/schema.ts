import Type, { type Static } from 'typebox'
import { REQUEST_STATES } from '../../core/request.ts'
import { MAPPING_STATES } from '../../core/verdict.ts'
import { MappingSchema } from '../../intake/schema.ts'
import { answer, refusals, STORE_PROBLEMS } from '../documented.ts'
import { MEDIA_TYPES } from '../negotiation.ts'
import { NextCursorSchema, pagingParameters } from '../paging.ts'
import { RequestParams } from '../routes/status.ts'
import { HttpStatusSchema } from '../status.ts'
import { NullableTime } from '../time.ts'

const Query = Type.Object(
  {
    status: Type.Optional(
      Type.Enum(MAPPING_STATES, {
        type: 'string',
        description: 'Only those that stand so; pending: not final.',
      }),
    ),
    ...pagingParameters,
  },
  { additionalProperties: false },
)
export type ResultsQuery = Static<typeof Query>

const CountSchema = Type.Integer({ minimum: 0 })

const ErrorSchema = Type.Object(
  {
    code: Type.String({ examples: ['target_rejected'] }),
    message: Type.String(),
    stage: Type.Enum(['read', 'transform', 'write'], { type: 'string' }),
    http_status: HttpStatusSchema,
    attempts: CountSchema,
  },
  { description: 'Why it failed or, while it is pending, why its last attempt did.' },
)

const RESULT = {
  id: 'map_001',
  source: 'source_system_1',
  target: 'target_system_1',
  status: 'completed',
  attempts: 1,
  result: {},
  error: null,
  finished_at: '2026-01-31T09:30:00.088Z',
  duration_ms: 48,
}

export const ResultSchema = Type.Object(
  {
    id: Type.String(),
    source: Type.String(),
    target: Type.String(),
    status: Type.Enum(MAPPING_STATES, { type: 'string' }),
    attempts: CountSchema,
    result: Type.Unknown({ description: 'What the target answered; null until it did.' }),
    error: Type.Union([ErrorSchema, Type.Null()], {
      description: 'What went wrong last; null where nothing has, or where it is completed.',
    }),
    finished_at: NullableTime('When it came to its end; null before.'),
    duration_ms: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
      description:
        'How long its last attempt took, 0 where it did not end with one; null where it is pending, or was cancelled.',
    }),
  },
  { $id: 'Result', description: 'What became of a mapping.', examples: [RESULT] },
)

const FAILED = {
  id: 'map_002',
  source: 'source_system_1',
  target: 'target_system_1',
  transformation: { field1: 'value1' },
  error: {
    code: 'target_rejected',
    message: 'Answered 422 Unprocessable Entity.',
    stage: 'write',
    http_status: 422,
    attempts: 1,
  },
}

export const FailedMappingSchema = Type.Object(
  { ...MappingSchema.properties, error: ErrorSchema },
  {
    $id: 'FailedMapping',
    description: 'A mapping as it came, and why it failed. Mended, it can be handed in again.',
    examples: [FAILED],
  },
)

const ResultsPageSchema = Type.Object(
  {
    request_id: Type.String({ format: 'uuid' }),
    status: Type.Enum(REQUEST_STATES, { type: 'string' }),
    total_mappings: CountSchema,
    processed_mappings: CountSchema,
    failed_mappings: CountSchema,
    results: Type.Array(Type.Ref('Result#')),
    next_cursor: NextCursorSchema,
  },
  {
    examples: [
      {
        request_id: '01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11',
        status: 'completed',
        total_mappings: 1,
        processed_mappings: 1,
        failed_mappings: 0,
        results: [RESULT],
        next_cursor: null,
      },
    ],
  },
)

const NDJSON = {
  schema: Type.Union([Type.Ref('Result#'), Type.Ref('FailedMapping#')], {
    description: 'One of them a line: `FailedMapping` with `status=failed`, else `Result`.',
  }),
  examples: {
    results: { value: `${JSON.stringify(RESULT)}\n` },
    failed: { value: `${JSON.stringify(FAILED)}\n` },
  },
}

const CSV = {
  schema: Type.String({
    description:
      'RFC 4180, with a head. A cell that a spreadsheet would run has an apostrophe in front.',
  }),
  examples: {
    results: {
      value:
        'id,source,target,status,attempts,result,error_code,error_message,http_status,finished_at,duration_ms\r\nmap_001,source_system_1,target_system_1,completed,1,{},,,,2026-01-31T09:30:00.088Z,48\r\n',
    },
    failed: {
      value:
        'id,source,target,email,error\r\nmap_002,source_system_1,target_system_1,ann@example,target_rejected: Answered 422 Unprocessable Entity.\r\n',
    },
  },
}

const page = answer('Results: a page of them or, as NDJSON or CSV, all.', ResultsPageSchema, {
  'Content-Disposition': {
    type: 'string',
    description: 'A name for the file, where it is NDJSON or CSV.',
  },
})

/** What is documented of `GET /status/{id}/results`. */
export const resultsSchema = {
  summary: 'Read what became of each mapping',
  description:
    'In submission order, readable while the work runs. A page may hold fewer than `limit`, even none, before the end. With `Accept: application/x-ndjson` or `text/csv` all of them come as one text, from the cursor on if there is one, and no more than `limit` if there is one, however large it is; a text that does not come to its end is cut off. Of `status=failed` it holds the mappings as they came and why they failed: it can be mended and handed in again.',
  operationId: 'getResults',
  tags: ['Requests'],
  params: RequestParams,
  querystring: Query,
  response: {
    200: {
      ...page,
      content: {
        ...page.content,
        ...Object.fromEntries(MEDIA_TYPES.ndjson.map((type) => [type, NDJSON])),
        ...Object.fromEntries(MEDIA_TYPES.csv.map((type) => [type, CSV])),
      },
    },
    ...refusals(
      ...STORE_PROBLEMS,
      'validation-failed',
      'invalid-cursor',
      'not-found',
      'overloaded',
    ),
  },
}
