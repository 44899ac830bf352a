/** How `POST /ingest` is described: every form of its body, every option, every ending. */
import Type, { type Static } from 'typebox'
import { BATCH_SIZE } from '../core/batch.ts'
import { PRIORITIES } from '../core/mapping.ts'
import { CALLBACK_URL_LENGTH_MAX } from '../intake/options.ts'
import { IngestSchema } from '../intake/schema.ts'
import { answer, BODY_PROBLEMS, CHANGE_PROBLEMS, refusals } from './documented.ts'
import { IdempotencyHeaders, KEY_PROBLEMS, RECEIPT_HEADERS } from './idempotency.ts'
import { MEDIA_TYPES } from './negotiation.ts'
import type { RehearsalView } from './rehearsal-schema.ts'

const ReceiptSchema = Type.Object(
  {
    request_id: Type.String({ format: 'uuid' }),
    status: Type.Literal('pending'),
    message: Type.String(),
    total_mappings: Type.Integer({
      minimum: 1,
      description: 'Those that were skipped among them.',
    }),
    skipped_mappings: Type.Optional(
      Type.Integer({
        minimum: 0,
        description:
          'Only with `on_invalid=skip`: how many were not good, and are among the results, failed.',
      }),
    ),
  },
  {
    examples: [
      {
        request_id: '01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11',
        status: 'pending',
        message:
          'Ingestion request created successfully. Follow it at /status/01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11',
        total_mappings: 1,
      },
    ],
  },
)

/** The options that a body of JSON has room for itself. */
const optionsOfStreams = {
  priority: Type.Optional(
    Type.Enum(PRIORITIES, { type: 'string', description: 'What goes first. For streams.' }),
  ),
  batch_size: Type.Optional(
    Type.Integer({
      minimum: BATCH_SIZE.min,
      maximum: BATCH_SIZE.max,
      description: 'How many mappings are carried out as one unit. For streams.',
    }),
  ),
  callback_url: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: CALLBACK_URL_LENGTH_MAX,
      description: 'Who is told when the request is finished. For streams.',
      examples: ['https://ops.example.com/sluice'],
    }),
  ),
  metadata: Type.Optional(
    Type.String({
      description: 'Your own notes: a JSON object of texts. For streams.',
      examples: ['{"run":"nightly"}'],
    }),
  ),
  not_before: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'Nothing of it starts before: RFC 3339, with its offset from UTC. For streams.',
      examples: ['2026-01-31T09:30:00Z'],
    }),
  ),
  expires_in: Type.Optional(
    Type.String({
      maxLength: 64,
      description: 'What is still open then fails, as `expired`: `2h`, `PT2H`. For streams.',
      examples: ['2h'],
    }),
  ),
  retry_of: Type.Optional(
    Type.String({
      format: 'uuid',
      description:
        'An earlier request of yours whose failures this one carries out again. For streams.',
      examples: ['01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11'],
    }),
  ),
}

export const IngestQuery = Type.Object(
  {
    on_invalid: Type.Optional(
      Type.Enum(['refuse', 'skip'], {
        type: 'string',
        default: 'refuse',
        description:
          '`skip` takes the good mappings, and has the bad ones among the results, failed as `invalid_mapping`. At least one must be good.',
      }),
    ),
    validate_only: Type.Optional(
      Type.Enum(['true', 'false'], {
        type: 'string',
        default: 'false',
        description:
          'Does everything but keep it, whatever the form and size of the body: nothing is stored, no Idempotency-Key is used up, no system is called. Answers 200 with what would happen.',
      }),
    ),
    ...optionsOfStreams,
  },
  { additionalProperties: false },
)
export type IngestParameters = Static<typeof IngestQuery>

const Ndjson = Type.String({
  description:
    'One mapping a line, as in the body of JSON; blank lines are passed over, and so is a property `error`, with which what has failed is written out.',
  examples: [
    '{"id":"map_001","source":"source_system_1","target":"target_system_1"}\n{"id":"map_002","source":"source_system_1","target":"target_system_1"}\n',
  ],
})

const Csv = Type.String({
  description:
    'The first row names the columns: `id`, `source`, `target`; `transformation`, in JSON; `data`, in JSON, or a column of any other name for each field of the record, which is a text then. `error` is passed over.',
  examples: ['id,source,target,email\nmap_001,source_system_1,target_system_1,ann@example.com\n'],
})

const content = Object.fromEntries([
  ...MEDIA_TYPES.json.map((type) => [type, { schema: IngestSchema }]),
  ...MEDIA_TYPES.ndjson.map((type) => [type, { schema: Ndjson }]),
  ...MEDIA_TYPES.csv.map((type) => [type, { schema: Csv }]),
])

const View = Type.Unsafe<RehearsalView>({ $ref: 'Rehearsal#' })

export const ingestSchema = {
  summary: 'Hand in mappings',
  description:
    'Answered once the whole request is on disk. All or nothing: every bad mapping is reported, the first 100 of them. NDJSON and CSV may be of any length, are read as they come, and have their options in the address; JSON has them in its body.',
  operationId: 'ingest',
  tags: ['Requests'],
  headers: Type.Object({
    ...IdempotencyHeaders.properties,
    'content-encoding': Type.Optional(
      Type.Enum(['identity', 'gzip', 'zstd'], {
        type: 'string',
        description: 'Limits count the bytes as they are when they have been decoded.',
      }),
    ),
  }),
  querystring: IngestQuery,
  body: { content },
  response: {
    200: answer('With `validate_only`: what would happen.', View),
    202: answer('The request is on disk and will be carried out.', ReceiptSchema, RECEIPT_HEADERS),
    ...refusals(
      ...CHANGE_PROBLEMS,
      ...BODY_PROBLEMS,
      'duplicate-mapping-id',
      'unknown-system',
      'invalid-expression',
      'too-many-mappings',
      'forbidden-url',
      ...KEY_PROBLEMS,
      'overloaded',
    ),
  },
}
