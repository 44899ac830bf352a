/** What a request may ask for beyond its mappings, whatever the form of its body. */
import Type, { type Static } from 'typebox'
import { BATCH_SIZE } from '../core/batch.ts'
import { PRIORITIES } from '../core/mapping.ts'

/** How much a request may carry along for its caller. */
const METADATA = { keys: 16, keyLength: 128, valueLength: 1024 } as const

/** No callback URL is longer. */
export const CALLBACK_URL_LENGTH_MAX = 2048

/** What a request may ask for, as its schemas have it. */
export const OPTIONS = {
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
  retry_of: Type.Optional(
    Type.String({
      format: 'uuid',
      description:
        'An earlier request of yours, by its id, whose failures this one carries out again, mended. Told in every status.',
      examples: ['01985a3c-6c1e-7d3a-9a55-0d6f1f0e8a11'],
    }),
  ),
}

/** What a request asks for beyond its mappings. */
export const OptionsSchema = Type.Object(OPTIONS, { additionalProperties: false })
export type Options = Static<typeof OptionsSchema>
