import { connect } from 'node:net'

/** One request, as bytes that no HTTP client would send. */
export interface Input {
  readonly name: string
  /** The request target; `POST /ingest` unless said. */
  readonly get?: string
  /** Method and request target of any other. */
  readonly start?: string
  /** Beside Content-Type: application/json; null leaves a header out. */
  readonly headers?: Readonly<Record<string, string | null>>
  readonly body?: string | Buffer
}

export interface Answer {
  readonly status: number
  readonly headers: string
  readonly problem: {
    readonly type: string
    readonly status: number
    readonly errors?: readonly {
      readonly pointer: string
      readonly code: string
      readonly line?: number
    }[]
  }
}

/** Sends an input byte for byte, and reads the answer to the end of the connection. */
export async function send(url: string, input: Input): Promise<Answer> {
  const body = Buffer.from(input.body ?? '')
  const headers: Record<string, string | null> = {
    Host: 'localhost',
    Connection: 'close',
    'content-type': 'application/json',
    ...(input.headers?.['transfer-encoding'] === undefined && {
      'content-length': `${body.length}`,
    }),
    ...input.headers,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === null ? [] : [`${name}: ${value}`],
  )
  const start = input.start ?? (input.get === undefined ? 'POST /ingest' : `GET ${input.get}`)
  const head = `${[`${start} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n`
  const text = await exchange(url, Buffer.concat([Buffer.from(head), body]))
  const [answerHead = '', answerBody = ''] = text.split(/\r\n\r\n(.*)/s)
  return {
    status: Number(answerHead.split(' ')[1]),
    headers: answerHead.toLowerCase(),
    problem: JSON.parse(answerBody.slice(answerBody.indexOf('{'), answerBody.lastIndexOf('}') + 1)),
  }
}

function exchange(url: string, bytes: Buffer): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  // The server may hang up on what it has read enough of; what it said still counts.
  socket.on('error', () => {})
  socket.on('close', () => resolve(Buffer.concat(chunks).toString()))
  socket.write(bytes)
  return promise
}
