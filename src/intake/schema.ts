/** What a request looks like: the one source of its checks, its types and its documentation. */
import Type, { type Static } from 'typebox'
import { BATCH_SIZE } from '../core/batch.ts'
import { MAPPING_LIMITS, PRIORITIES } from '../core/mapping.ts'

const VISIBLE = '\\S'

export const MappingSchema = Type.Object(
  {
    id: Type.String({
      minLength: 1,
      maxLength: MAPPING_LIMITS.idLengthMax,
      pattern: VISIBLE,
      description: 'Your own name for the mapping, unique in the request, compared byte by byte.',
      examples: ['map_001'],
    }),
    source: Type.String({
      minLength: 1,
      maxLength: MAPPING_LIMITS.systemNameLengthMax,
      pattern: VISIBLE,
      description: 'The system that the record is read from.',
      examples: ['source_system_1'],
    }),
    target: Type.String({
      minLength: 1,
      maxLength: MAPPING_LIMITS.systemNameLengthMax,
      pattern: VISIBLE,
      description: 'The system that the payload is written to.',
      examples: ['target_system_1'],
    }),
    transformation: Type.Optional(
      Type.Object(
        {},
        {
          description:
            'The payload to write. A string that is `{% … %}` from end to end is a JSONata expression over id, source, target, record and metadata, and stands for what it computes; all else stands for itself. Absent: the record itself or, where there is none, the id, source and target.',
          examples: [{ field1: 'value1', email: '{% $lowercase(record.email) %}' }],
        },
      ),
    ),
    data: Type.Optional(
      Type.Unknown({
        description: 'The record itself, any JSON. With it, the source is not asked.',
        examples: [{ email: 'ann@example.com' }],
      }),
    ),
  },
  { additionalProperties: false, description: 'Move this from source to target.' },
)

/** How much a request may carry along for its caller. */
const METADATA = { keys: 16, keyLength: 128, valueLength: 1024 } as const

/** No callback URL is longer. */
export const CALLBACK_URL_LENGTH_MAX = 2048

const options = {
  priority: Type.Optional(
    Type.Enum(PRIORITIES, {
      type: 'string',
      default: 'MEDIUM',
      description: 'What goes first in each system.',
    }),
  ),
  batch_size: Type.Optional(
    Type.Integer({
      minimum: BATCH_SIZE.min,
      maximum: BATCH_SIZE.max,
      description: 'How many mappings are carried out as one unit. Absent: Sluice chooses.',
      examples: [5],
    }),
  ),
  callback_url: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: CALLBACK_URL_LENGTH_MAX,
      description:
        'Who is told when the request is finished: an http:// or https:// URL that takes a signed POST (Standard Webhooks).',
      examples: ['https://ops.example.com/sluice'],
    }),
  ),
  metadata: Type.Optional(
    Type.Record(Type.String(), Type.String({ maxLength: METADATA.valueLength }), {
      maxProperties: METADATA.keys,
      propertyNames: { minLength: 1, maxLength: METADATA.keyLength },
      description: 'Your own notes, handed back in every status.',
      examples: [{ run: 'nightly' }],
    }),
  ),
  not_before: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'RFC 3339, with its offset from UTC. Nothing of the request starts before.',
      examples: ['2026-01-31T09:30:00Z'],
    }),
  ),
  expires_in: Type.Optional(
    Type.String({
      maxLength: 64,
      description:
        'From now on, as `90s`, `5m`, `2h`, `7d`, or as ISO 8601 has it (`PT2H`). What is still open then fails, as `expired`.',
      examples: ['2h'],
    }),
  ),
}

const closed = { additionalProperties: false } as const

/** What a request asks for beyond its mappings. */
export const OptionsSchema = Type.Object(options, closed)
export type Options = Static<typeof OptionsSchema>

/** The body of `POST /ingest`, whole. */
export const IngestSchema = Type.Object(
  {
    mappings: Type.Array(MappingSchema, {
      minItems: 1,
      description: 'What to carry out, in the order in which results are listed.',
    }),
    ...options,
  },
  {
    ...closed,
    description: 'All or nothing: one bad mapping refuses the whole request.',
    examples: [
      {
        mappings: [
          {
            id: 'map_001',
            source: 'source_system_1',
            target: 'target_system_1',
            transformation: { field1: 'value1' },
          },
        ],
        priority: 'HIGH',
      },
    ],
  },
)

/** The same without a look into the mappings, of which there may be a million. */
export const EnvelopeSchema = Type.Object(
  { mappings: Type.Array(Type.Unknown(), { minItems: 1 }), ...options },
  closed,
)

export type Envelope = Static<typeof EnvelopeSchema>
