/** What a request looks like: the one source of its checks, its types and its documentation. */
import Type from 'typebox'
import { MAPPING_LIMITS } from '../core/mapping.ts'
import { OPTIONS } from './options.ts'

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

/** The body of `POST /ingest`, whole. */
export const IngestSchema = Type.Object(
  {
    mappings: Type.Array(MappingSchema, {
      minItems: 1,
      description: 'What to carry out, in the order in which results are listed.',
    }),
    ...OPTIONS,
  },
  {
    additionalProperties: false,
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
  { mappings: Type.Array(Type.Unknown(), { minItems: 1 }), ...OPTIONS },
  { additionalProperties: false },
)
