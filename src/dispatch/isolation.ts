/**
 * Batches that worker after worker died with are tried alone: of all their mappings one at a time is
 * under way in a worker, its attempt written down before it starts and its result before the next
 * one does. So when the worker dies, the one that killed it has spent an attempt, and no other has.
 */
export class Isolation {
  #taken = false

  /** Whether an isolated mapping is under way. */
  get taken(): boolean {
    return this.#taken
  }

  enter(): void {
    this.#taken = true
  }

  leave(): void {
    this.#taken = false
  }
}
