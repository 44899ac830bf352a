import type {
  Call,
  Connection,
  Delivery,
  Kind,
  Preview,
  ReadAnswer,
  ShownSystem,
  SystemContext,
  WriteAnswer,
} from '../kind.ts'
import { type Deadline, within } from '../within.ts'
import { DELIVERED, noRecord, notConfigured, refusalOf } from './endings.ts'
import { Appender } from './file/appender.ts'
import { config, type FileConfig } from './file/config.ts'
import { judge } from './file/judge.ts'
import { csv, type LineFormat, NDJSON } from './file/lines.ts'
import { Reader } from './file/reader.ts'
import { writing } from './many.ts'
import { noWrites, together } from './shown.ts'

/**
 * Files of a directory: each payload becomes a line of NDJSON or CSV, on disk when the call succeeds;
 * records are read from such a file by the mapping's id. A file cannot tell a repeat: after a crash a
 * line may be there twice.
 */
export const file: Kind<FileConfig> = { name: 'file', config, connect, preview }

function connect(system: SystemContext<FileConfig>): Connection {
  const { directory, read, write, bulk } = system.config
  const reader = read === undefined ? null : new Reader(directory, read)
  const { writeMany, idle } = write === undefined ? READ_ONLY : openWriter(system, directory, write)
  return {
    read: reader === null ? null : (call) => readRecord(system, reader, call),
    ...writing(bulk, writeMany),
    async close() {
      reader?.close()
      await idle()
    },
  }
}

async function readRecord(
  deadline: Deadline,
  reader: Reader,
  { mapping, signal }: Call,
): Promise<ReadAnswer> {
  const ended = await within(deadline, signal, () => reader.read(mapping.id))
  if (ended.kind !== 'done') return refusalOf(ended, 'read', deadline.timeout, judge)
  return ended.value === null
    ? noRecord('The file has no record for this id.')
    : { kind: 'record', record: ended.value.record }
}

/** Hands payloads over to be appended; `idle` resolves when nothing is being written. */
interface Writer {
  writeMany(deliveries: readonly Delivery[], signal: AbortSignal): Promise<readonly WriteAnswer[]>
  idle(): Promise<void>
}

function openWriter(
  deadline: Deadline,
  directory: string,
  write: NonNullable<FileConfig['write']>,
): Writer {
  const format = formatOf(write)
  const appender = new Appender(directory, write.path, format.header)
  return {
    idle: () => appender.idle(),
    async writeMany(deliveries, signal) {
      const lines = deliveries.map(({ payload }) => format.line(payload))
      const good = lines.filter((line) => typeof line === 'string')
      const ended = await within(deadline, signal, () => appender.append(good.join('')))
      const answer =
        ended.kind === 'done' ? DELIVERED : refusalOf(ended, 'write', deadline.timeout, judge)
      return lines.map((line) => (typeof line === 'string' ? answer : line))
    },
  }
}

function formatOf(write: NonNullable<FileConfig['write']>): LineFormat {
  return write.format === 'csv' ? csv(write.columns) : NDJSON
}

const READ_ONLY: Writer = {
  idle: () => Promise.resolve(),
  writeMany: async (deliveries) => deliveries.map(() => notConfigured('write')),
}

function preview({ config: { read, write } }: ShownSystem<FileConfig>): Preview {
  return {
    latency: null,
    read:
      read === undefined
        ? null
        : ({ mapping }) => ({ kind: 'call', call: { ...read, is: mapping.id } }),
    write: write === undefined ? noWrites : shownWrite(write),
  }
}

function shownWrite(write: NonNullable<FileConfig['write']>): Preview['write'] {
  const format = formatOf(write)
  return together(
    ({ payload }) => format.line(payload),
    (lines) => ({ path: write.path, format: write.format, append: lines.join('') }),
  )
}
