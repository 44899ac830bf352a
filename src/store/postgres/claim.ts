import { type ClosedGate, passage } from '../../core/gate.ts'
import { oldestTurns } from '../../core/rank.ts'
import type { EpochMs } from '../../core/units.ts'
import { type OrdinalsRow, toOrdinals } from '../rows.ts'
import type { Claim, ClaimedBatch, Want } from '../store.ts'
import { LEASE, LOOK, PROMOTE, VERDICTS } from './claim-statements.ts'
import type { StoreClock } from './clock.ts'
import type { Database } from './database.ts'
import { type TimedSystemRow, toCallersControl } from './systems.ts'

/** How many batches of a lane one statement leases; where more are wanted, another one follows. */
const PICKS_MAX = 500

interface LookRow extends TimedSystemRow {
  readonly lane: string
  /** How many mappings the first ready batch holds; null where none is ready. */
  readonly count: number | null
  readonly due: EpochMs | null
}

interface LeasedRow extends OrdinalsRow, Omit<ClaimedBatch, 'ordinals' | 'probe'> {
  /** Its verdicts are those before somebody else had it in hand. */
  readonly isStale: boolean
}

/** A lane that may be claimed from, and how many batches to ask for. */
interface Open extends Want {
  readonly probe: boolean
  readonly count: number
}

/** Gives out leases. */
export function claimOperations(database: Database, clock: StoreClock) {
  async function look(worker: string, lanes: readonly string[], now: EpochMs) {
    const rows = await seen(worker, lanes, now)
    const due = rows.filter(({ due, at }) => due !== null && due <= at)
    if (due.length === 0) return rows
    await database.query(PROMOTE, [clock.given(now), due.map(({ lane }) => lane)])
    return seen(worker, lanes, now)
  }

  function seen(worker: string, lanes: readonly string[], now: EpochMs) {
    return database.query<LookRow>(LOOK, [clock.given(now), worker, lanes])
  }

  async function lease(worker: string, open: readonly Open[], now: EpochMs) {
    const picks = open.map(picksOf)
    const rows = await database.query<LeasedRow>(LEASE, [
      clock.given(now),
      worker,
      open.map(({ lane }) => lane),
      open.map(({ mappings }) => mappings),
      open.map(({ below }) => below ?? Number.POSITIVE_INFINITY),
      open.map(({ turn }) => turn),
      picks,
      open.map(({ below, turn }, index) =>
        below === null ? oldestTurns(turn, picks[index] ?? 0) : 0,
      ),
      open.map(({ probe }) => probe),
    ])
    return rows.some(({ isStale }) => isStale) ? renewed(rows) : rows
  }

  /** With the verdicts as they are now. */
  async function renewed(rows: readonly LeasedRow[]): Promise<readonly LeasedRow[]> {
    const found = await database.query<{ batch: number; verdicts: string | null }>(VERDICTS, [
      rows.map(({ id }) => id),
    ])
    const verdicts = new Map(found.map((row) => [row.batch, row.verdicts]))
    return rows.map((row) => ({ ...row, verdicts: verdicts.get(row.id) ?? null }))
  }

  /**
   * Leases until every lane has given what was wanted, or all it has. Should it fail on the way,
   * what it leased is given back by `keep`, as after any claim without an answer.
   */
  async function leaseAll(worker: string, wants: readonly Open[], now: EpochMs) {
    const batches: ClaimedBatch[] = []
    let open = wants
    while (open.length > 0) {
      const rows = await lease(worker, open, now)
      const byLane = Map.groupBy(rows, ({ lane }) => lane)
      for (const want of open) {
        for (const row of byLane.get(want.lane) ?? []) batches.push(toClaimed(row, want.probe))
      }
      open = open.flatMap((want) => more(want, byLane.get(want.lane) ?? []))
    }
    return batches
  }

  async function claim(worker: string, wants: readonly Want[], now: EpochMs): Promise<Claim> {
    const rows = await look(
      worker,
      wants.map(({ lane }) => lane),
      now,
    )
    const closed: { lane: string; gate: ClosedGate }[] = []
    const due: { lane: string; at: EpochMs }[] = []
    const open: Open[] = []
    for (const want of wants) {
      const row = rows.find(({ lane }) => lane === want.lane)
      if (row === undefined || row.paused === 1) continue
      const { gate } = toCallersControl(row, now)
      const through = passage(gate, now)
      if (gate !== null && through !== 'all') closed.push({ lane: want.lane, gate })
      if (through === 'none') continue
      if (row.due !== null) due.push({ lane: want.lane, at: row.due - row.at + now })
      if (row.count === null) continue
      const probe = through === 'probe'
      open.push({ ...want, probe, mappings: probe ? 1 : want.mappings, count: row.count })
    }
    return { batches: await leaseAll(worker, open, now), closed, due }
  }

  return { claim }
}

/** As many batches as it takes if all are like the first. */
function picksOf({ mappings, count }: Open): number {
  return Math.min(PICKS_MAX, Math.ceil(mappings / count))
}

/** What is still wanted of a lane that gave all it was asked for, and yet too little. */
function more(want: Open, rows: readonly LeasedRow[]): readonly Open[] {
  const mappings = want.mappings - rows.reduce((sum, { count }) => sum + count, 0)
  if (mappings <= 0 || rows.length < picksOf(want)) return []
  return [{ ...want, mappings, turn: want.turn + rows.length }]
}

function toClaimed(row: LeasedRow, probe: boolean): ClaimedBatch {
  const { id, token, request, tenant, lane, rank, rescues } = row
  const { mappings, metadata, verdicts, callback } = row
  const ordinals = toOrdinals(row)
  const texts = { mappings, metadata, verdicts }
  return { id, token, request, tenant, lane, rank, rescues, ordinals, ...texts, probe, callback }
}
