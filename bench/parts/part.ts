/** The other side of `../part.ts`: what every part does. */

/** Says that this part is ready: at `url`, if it is a server. */
export function ready(url = ''): void {
  tell(url)
}

/** Carries out every order that comes, and tells its answer. */
export function obey<Order>(carryOut: (order: Order) => Promise<unknown>): void {
  process.on('message', async (order: Order) => tell(await carryOut(order)))
}

/** Tells the benches something. */
export function tell(message: unknown): void {
  process.send?.(message)
}

// It has no purpose without the process that started it.
process.on('disconnect', () => process.exit())
