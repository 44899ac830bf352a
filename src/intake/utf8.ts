import { isUtf8 } from 'node:buffer'

/** Watches bytes go by, however they are cut, for what is not UTF-8. */
export class Utf8Watch {
  /** The beginning of a character whose end has not come. */
  #begun: Uint8Array = new Uint8Array()

  /** False from the first byte on that cannot be. */
  isFine(bytes: Uint8Array): boolean {
    const all = this.#begun.length === 0 ? bytes : Buffer.concat([this.#begun, bytes])
    const whole = all.length - begunAtEnd(all)
    this.#begun = all.slice(whole)
    return isUtf8(all.subarray(0, whole))
  }

  /** False where a character has no end. */
  get isWhole(): boolean {
    return this.#begun.length === 0
  }
}

/** How many bytes at the end are the beginning of a character. */
function begunAtEnd(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte >= 0xc0) return lengthOf(byte) > back ? back : 0
    if (byte < 0x80) return 0
  }
  return 0
}

/** How many bytes a character has that begins with this one. */
function lengthOf(byte: number): number {
  if (byte >= 0xf0) return 4
  return byte >= 0xe0 ? 3 : 2
}
