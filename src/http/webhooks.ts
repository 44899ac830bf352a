/** What we send by ourselves, as the document of the API has it. */
import Type from 'typebox'
import { TimeSchema } from './time.ts'

const MessageSchema = Type.Object(
  {
    type: Type.Enum(['request.completed', 'request.failed', 'request.cancelled'], {
      type: 'string',
    }),
    timestamp: TimeSchema,
    data: Type.Unsafe({ $ref: '#/components/schemas/RequestStatus' }),
  },
  { description: 'How the request ended, when, and what `GET /status` says of it then.' },
)

function header(name: string, description: string) {
  return { name, in: 'header', required: true, description, schema: { type: 'string' as const } }
}

/** The calls to a `callback_url`. */
export const WEBHOOKS = {
  requestFinished: {
    post: {
      summary: 'A request is finished',
      description:
        'Sent to the `callback_url` of a request once it is finished, in the form of [Standard Webhooks](https://www.standardwebhooks.com), and again until it is answered well: with any 2xx, within 15 s. It may come twice; `webhook-id` tells.',
      operationId: 'requestFinished',
      tags: ['Requests'],
      parameters: [
        header('webhook-id', 'The `request_id`; the same at every attempt.'),
        header('webhook-timestamp', 'When this attempt was made, in seconds since 1970.'),
        header(
          'webhook-signature',
          'One or two signatures with a space between, each `v1,` and base64; one of them must be right.',
        ),
      ],
      requestBody: {
        required: true,
        content: { 'application/json': { schema: MessageSchema } },
      },
      responses: {
        '2XX': { description: 'It was taken. The body is not looked at.' },
        '410': { description: 'There is nobody here any more: nothing more is sent to this URL.' },
        default: { description: 'It is tried again, for about two days.' },
      },
    },
  },
}
