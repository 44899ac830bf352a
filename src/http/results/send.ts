import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { sendHead } from '../head.ts'
import type { HttpPorts } from '../ports.ts'
import { sendNoRequest, sendProblem } from '../problem.ts'
import type { DownloadOrder, RequestDeleted } from './download.ts'

/** Answers with results as one text of a media type. */
export type SendDownload = (
  reply: FastifyReply,
  order: DownloadOrder,
  type: string,
) => Promise<FastifyReply>

/** Makes a function that sends downloads, so many at once and no faster than they are read. */
export function downloadSender({ download, limits, emit }: HttpPorts): SendDownload {
  let open = 0

  async function* counted(order: DownloadOrder): AsyncGenerator<Uint8Array, void> {
    open += 1
    try {
      yield* download(order)
    } finally {
      open -= 1
    }
  }

  return async (reply, order, type) => {
    if (open >= limits.maxDownloads) {
      const detail = `At most ${limits.maxDownloads} downloads may run at once; try again later.`
      return sendProblem(reply, 'overloaded', detail)
    }
    const headers = {
      'content-type': order.form === 'csv' ? `${type}${CSV_PARAMETERS}` : type,
      'content-disposition': `attachment; filename="results.${order.form}"`,
    }
    if (reply.request.method === 'HEAD') return sendHead(reply.headers(headers))
    try {
      const body = await readableOf(counted(order), (error) => {
        emit({ event: 'download_cut', instance: reply.request.id, error })
        // As nginx may speak it: nothing but a reset tells that this is not the end.
        if (reply.request.raw.httpVersion === '1.0') reply.raw.socket?.resetAndDestroy()
      })
      return reply.headers(headers).send(body)
    } catch (error) {
      if (isOfDeleted(error)) return sendNoRequest(reply)
      throw error
    }
  }
}

/** Errors that come from another thread have no class but a name. */
function isOfDeleted(error: unknown): boolean {
  return (
    error instanceof Error && error.name === ('RequestDeleted' satisfies RequestDeleted['name'])
  )
}

const CSV_PARAMETERS = '; charset=utf-8; header=present'

/**
 * A body that comes in pieces. What goes wrong before the first is thrown; later, the connection is cut:
 * no reader of chunks can take what has come for all of it.
 */
async function readableOf(
  pieces: AsyncGenerator<Uint8Array, void>,
  onCut: (error: unknown) => void,
): Promise<Readable> {
  const { value: first = null } = await pieces.next()
  const stream = new Readable({
    async read() {
      try {
        const { value = null } = await pieces.next()
        stream.push(value)
      } catch (error) {
        onCut(error)
        stream.destroy(error instanceof Error ? error : new Error(String(error)))
      }
    },
    destroy(error, done) {
      const over = () => done(error)
      pieces.return().then(over, over)
    },
  })
  stream.push(first)
  return stream
}
