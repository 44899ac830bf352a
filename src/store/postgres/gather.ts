/** A small request costs a wait for the disk; many together cost one. It bounds the statement. */
const GROUP_MAX = 500

interface Call<Item, Answer> {
  readonly item: Item
  readonly resolve: (answer: Answer | Promise<Answer>) => void
  readonly reject: (error: unknown) => void
}

/**
 * Group commit: calls that come while a group is on its way make the next one, and share one
 * transaction. A group that fails is run again one by one, so that a call's error is its own.
 *
 * @param together carries out a whole group; answers in its order, and may still have to find out some of
 *   the answers: what goes wrong then is that call's own
 * @param isWorthwhile whether a group that failed so may succeed one by one
 */
export function gather<Item, Answer>(
  together: (items: readonly Item[]) => Promise<readonly (Answer | Promise<Answer>)[]>,
  isWorthwhile: (error: unknown) => boolean,
): (item: Item) => Promise<Answer> {
  let queue: Call<Item, Answer>[] = []
  let running = false

  async function alone(item: Item): Promise<Answer> {
    const [answer] = await together([item])
    if (answer === undefined) throw new Error('a group answers each of its calls')
    return answer
  }

  async function runGroup(group: readonly Call<Item, Answer>[]): Promise<void> {
    try {
      const answers = await together(group.map(({ item }) => item))
      for (const [place, answer] of answers.entries()) group[place]?.resolve(answer)
    } catch (error) {
      const again = group.length > 1 && isWorthwhile(error)
      for (const { item, resolve, reject } of group) {
        if (again) resolve(alone(item))
        else reject(error)
      }
    }
  }

  async function runAll(): Promise<void> {
    running = true
    while (queue.length > 0) {
      const group = queue.slice(0, GROUP_MAX)
      queue = queue.slice(GROUP_MAX)
      await runGroup(group)
    }
    running = false
  }

  return (item) => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    queue.push({ item, resolve, reject })
    if (!running) void runAll()
    return promise
  }
}
