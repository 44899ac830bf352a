import type { DatabaseSync } from 'node:sqlite'
import type { Store, WorkHint } from '../store.ts'
import { auditOperations } from './audit.ts'
import { callbackOperations } from './callbacks.ts'
import { claimOperations } from './claim.ts'
import { clearOperations } from './clear.ts'
import { controlOperations } from './control.ts'
import { deleteOperations } from './delete.ts'
import { intakeOperations } from './intake.ts'
import { listOperations } from './list.ts'
import { queryOperations } from './queries.ts'
import { receiveOperations } from './receive.ts'
import { releaseOperations } from './release.ts'
import { rescueOperations } from './rescue.ts'
import { settleOperations } from './settle.ts'
import { systemOperations } from './systems.ts'
import { touchOperations } from './touch.ts'
import { watchOperations } from './watch.ts'
import { workerOperations } from './workers.ts'

/** The port's promises as plain calls: SQLite answers at once, in the thread that asks. */
type Synchronous<Port> = {
  readonly [Name in keyof Port]: Port[Name] extends (...parameters: infer P) => Promise<infer R>
    ? (...parameters: P) => R
    : never
}

export const WRITES = [
  'insert',
  'open',
  'stage',
  'complete',
  'abandon',
  'cancel',
  'join',
  'beat',
  'leave',
  'work',
  'claim',
  'keep',
  'settle',
  'closeSome',
  'gate',
  'probe',
  'report',
  'override',
  'resume',
  'disableCallback',
  'enableCallbacks',
  'release',
  'rescue',
  'audit',
  'deleteOld',
  'clear',
  'touch',
] as const
export const READS = [
  'request',
  'keyed',
  'requests',
  'batches',
  'firstBatches',
  'failures',
  'received',
  'totals',
  'waiting',
  'systemNames',
  'system',
  'systems',
  'load',
  'isCallbackDisabled',
] as const

export type Writes = Synchronous<Pick<Store, (typeof WRITES)[number]>>
export type Reads = Synchronous<Pick<Store, (typeof READS)[number]>>

/** Everything that must go through the one writing connection. */
export function writeOperations(database: DatabaseSync, hint: (hint: WorkHint) => void) {
  const { rescue, rescueAll } = rescueOperations(database)
  const { giveUpReceived, clear } = clearOperations(database)
  const { releaseAt, release } = releaseOperations(database, hint)
  const operations: Writes = {
    ...intakeOperations(database, hint),
    ...receiveOperations(database, hint),
    ...workerOperations(database),
    ...systemOperations(database, hint),
    ...claimOperations(database, releaseAt),
    ...settleOperations(database, hint),
    ...controlOperations(database, hint),
    ...callbackOperations(database),
    ...auditOperations(database, hint),
    ...deleteOperations(database),
    ...touchOperations(database),
    release,
    rescue,
    clear,
  }

  /** At the start nobody can be at work on an embedded store, nor anything on its way to it. */
  function recover(): void {
    rescueAll()
    giveUpReceived()
  }

  return { ...operations, recover }
}

/** Everything a connection that only reads can answer. */
export function readOperations(database: DatabaseSync): Reads {
  return {
    ...queryOperations(database),
    ...listOperations(database),
    ...watchOperations(database),
  }
}
