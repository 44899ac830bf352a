/** What requests wait for, by what both stores know of them. */
import type { RequestRow } from './rows.ts'
import type { SystemControl, Waiting } from './store.ts'

export interface WaitingRequest extends Pick<RequestRow, 'total' | 'lanes' | 'sources'> {
  readonly openInAll: number
}

/**
 * Those of the systems that must not be called which a request writes to or reads from, by name.
 *
 * @param openInLane how many of its mappings are open in a lane; null where it has but one, or not this one
 */
export function waitingFor(
  request: WaitingRequest,
  closed: ReadonlyMap<string, SystemControl>,
  openInLane: (lane: string) => number | null,
): readonly Waiting[] {
  const lanes: readonly string[] = JSON.parse(request.lanes)
  const sources: Readonly<Record<string, number>> = JSON.parse(request.sources)
  const names = new Set([...lanes, ...Object.keys(sources)])
  return [...names].sort().flatMap((name) => {
    const control = closed.get(name)
    if (control === undefined) return []
    const reading = Object.hasOwn(sources, name) ? (sources[name] ?? 0) : 0
    const isOnly = lanes.length === 1 && lanes[0] === name
    const mappings = heldUp(request, reading, isOnly, () => openInLane(name))
    return mappings === 0 ? [] : [{ ...control, mappings }]
  })
}

/** Null where it is not counted, because only some of its mappings are read from there. */
function heldUp(
  { total, openInAll }: WaitingRequest,
  reading: number,
  isOnly: boolean,
  openInLane: () => number | null,
): number | null {
  if (isOnly || reading === total) return openInAll
  return reading === 0 ? (openInLane() ?? 0) : null
}
