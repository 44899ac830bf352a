import { type ClosedGate, gateAfter } from '../core/gate.ts'
import type { Outcome } from '../core/outcome.ts'
import type { DurationMs, EpochMs } from '../core/units.ts'
import type { Clock } from '../lib/clock.ts'
import type { Emit } from '../observe/events.ts'
import { type DispatchStore, StoreUnavailable } from '../store/store.ts'
import type { Lane } from './lane.ts'

/** A gate that is closed already is closed for longer only by this much at once. */
const GATE_STEP_MS: DurationMs = 500

export interface GatePorts {
  readonly store: DispatchStore
  readonly clock: Clock
  readonly emit: Emit
  /** Lets nothing more of what is in hand start. */
  readonly stop: (lane: Lane) => void
  /** Looks at a lane again at that moment. */
  readonly wakeAt: (lane: Lane, at: EpochMs) => void
}

/** Closes and opens the lanes' gates by what their systems answer, here and for every worker. */
export class Gates {
  readonly #ports: GatePorts

  constructor(ports: GatePorts) {
    this.#ports = ports
  }

  /** Hears what the lane's system answered, before anyone else gets a turn with it. */
  hear(lane: Lane, answer: Outcome): void {
    if (answer.kind === 'delivered' && !lane.probing) return
    const { clock, emit, stop } = this.#ports
    const gate = gateAfter(answer, clock.now())
    if (gate === null) {
      if (lane.probing && isAnswer(answer)) this.#open(lane)
      return
    }
    lane.probing = false
    stop(lane)
    // Every call under way hears the same thing: the store need not be told each time.
    if (gate.until < lane.closedUntil + GATE_STEP_MS) return
    this.heed(lane, gate.until)
    emit({ event: 'gate_closed', lane: lane.name, gate })
    void this.#tell(lane.name, gate)
  }

  /** Nothing starts in the lane until then. */
  heed(lane: Lane, until: EpochMs): void {
    lane.closedUntil = Math.max(lane.closedUntil, until)
    this.#ports.wakeAt(lane, until)
  }

  #open(lane: Lane): void {
    lane.probing = false
    lane.closedUntil = 0
    lane.more = true
    this.#ports.emit({ event: 'gate_opened', lane: lane.name })
    void this.#tell(lane.name, null)
  }

  /** A gate that could not be told is told again by the next answer like this one. */
  async #tell(lane: string, gate: ClosedGate | null): Promise<void> {
    try {
      await this.#ports.store.gate(lane, gate)
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      this.#ports.emit({ event: 'store_unavailable', message: error.message })
    }
  }
}

/** Silence says nothing of whether our credentials are taken. */
function isAnswer({ kind }: Outcome): boolean {
  return kind === 'delivered' || kind === 'refused'
}
