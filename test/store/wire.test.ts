/** The proxy of the tests of PostgreSQL's faults loses the very message it is told to. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Messages } from '../support/wire.ts'

const message = fc.record({
  type: fc.constantFrom('Q', 'S', 'Z', 'D'),
  body: fc.uint8Array({ maxLength: 20 }),
})

test.each(['client', 'server'] as const)(
  'what a %s says is the same messages, however it is cut',
  (from) => {
    const said = fc.array(message, { maxLength: 8 })
    fc.assert(
      fc.property(said, fc.array(fc.integer({ min: 1, max: 30 })), (all, cuts) => {
        const sent = all.map(({ type, body }, n) => {
          const isTyped = from === 'server' || n > 0
          return { type: isTyped ? type : '', bytes: written(isTyped ? type : '', body) }
        })
        const messages = new Messages(from)
        const taken = pieces(Buffer.concat(sent.map(({ bytes }) => bytes)), cuts).flatMap(
          (piece) => [...messages.take(piece)],
        )
        expect(taken).toEqual(sent)
      }),
    )
  },
)

function written(type: string, body: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(length.length + body.length)
  return Buffer.concat([Buffer.from(type, 'latin1'), length, body])
}

/** Cut into pieces of these sizes, and what is left. */
function pieces(whole: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const cut: Buffer[] = []
  let rest = whole
  for (const size of sizes) {
    cut.push(rest.subarray(0, size))
    rest = rest.subarray(size)
  }
  return [...cut, rest]
}
