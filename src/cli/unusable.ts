/** A file that cannot be read or written, or does not hold what it should. The message says which. */
export class UnusableFile extends Error {
  override readonly name = 'UnusableFile'
}
