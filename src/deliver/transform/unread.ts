/** An expression has asked for a record that has not been read. */
export class Unread extends Error {}

/** What expressions see, with something in the place of the record that nobody looks at unnoticed. */
export function withoutRecord(input: object): object {
  return Object.defineProperty({ ...input }, 'record', {
    enumerable: true,
    get() {
      throw new Unread()
    },
  })
}
