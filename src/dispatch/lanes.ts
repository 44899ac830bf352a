import type { Lane } from './lane.ts'

/** All the lanes that one worker has work for, or may soon have. */
export class Lanes {
  readonly #make: (system: string) => Lane
  readonly #lanes = new Map<string, Lane>()

  constructor(make: (system: string) => Lane) {
    this.#make = make
  }

  all(): Iterable<Lane> {
    return this.#lanes.values()
  }

  /** Finds the lane of a system, or makes it. */
  of(system: string): Lane {
    const known = this.#lanes.get(system)
    if (known !== undefined) return known
    const lane = this.#make(system)
    this.#lanes.set(system, lane)
    return lane
  }

  /** A lane that is there already; null where there is none. */
  known(system: string): Lane | null {
    return this.#lanes.get(system) ?? null
  }

  /** Whether leases are in hand that have not ended. */
  get isBusy(): boolean {
    return this.#some(({ leases }) => leases.length > 0)
  }

  /** Whether mappings are under way, those of leases that were given up among them. */
  get isUnderWay(): boolean {
    return this.#some(({ inFlight }) => inFlight > 0)
  }

  /** Forgets the lanes that say nothing any more. */
  tidy(): void {
    for (const [system, lane] of this.#lanes) if (lane.idle) this.#lanes.delete(system)
  }

  #some(isSo: (lane: Lane) => boolean): boolean {
    for (const lane of this.#lanes.values()) if (isSo(lane)) return true
    return false
  }
}
