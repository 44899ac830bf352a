import { isIP } from 'node:net'
import { parseDuration, parseSize } from '../core/quantity.ts'
import type { DurationMs } from '../core/units.ts'

/** How one kind of setting is read from text. */
export interface Parser<T> {
  /** Undefined where the text is not one. */
  readonly parse: (text: string) => T | undefined
  /** Ends the sentence "X must be …". */
  readonly must: string
}

/** Text of a given form. */
export function text(form: RegExp, must: string): Parser<string> {
  return { parse: (value) => (form.test(value) ? value : undefined), must }
}

/** Exactly one of these words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Parser<Word> {
  return {
    parse: (value) => words.find((word) => word === value),
    must: `one of ${words.join(', ')}`,
  }
}

/** `true` or `false`. */
export function flag(): Parser<boolean> {
  const { parse, must } = oneOf('true', 'false')
  return {
    parse: (value) => {
      const word = parse(value)
      return word === undefined ? undefined : word === 'true'
    },
    must,
  }
}

/** The address of a PostgreSQL, which a password may be part of. */
export function postgresUrl(): Parser<string> {
  return {
    parse: (value) => (isPostgresUrl(value) ? value : undefined),
    must: 'a URL such as postgres://user:password@host:5432/database',
  }
}

function isPostgresUrl(value: string): boolean {
  const url = URL.parse(value)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || /\s/.test(value)) return false
  try {
    decodeURIComponent(`${url.username}${url.password}${url.pathname}`)
    return true
  } catch {
    return false
  }
}

/** One or two secrets of Standard Webhooks. */
export function callbackSecrets(): Parser<readonly string[]> {
  return {
    parse: (value) => {
      const secrets = value.split(',')
      return secrets.length <= 2 && secrets.every(isWebhookSecret) ? secrets : undefined
    },
    must: 'one secret, or two with a comma between, each whsec_ and 24 to 64 random bytes in base64',
  }
}

function isWebhookSecret(text: string): boolean {
  const [, encoded = ''] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? []
  const bytes = Buffer.from(encoded, 'base64')
  return bytes.toString('base64') === encoded && bytes.length >= 24 && bytes.length <= 64
}

/** Ranges of IP addresses, with commas between. */
export function addressRanges(): Parser<readonly string[]> {
  return {
    parse: (value) => {
      const ranges = value.split(',')
      return ranges.length <= 100 && ranges.every(isAddressRange) ? ranges : undefined
    },
    must: 'address ranges with commas between, such as 10.0.0.0/8,fd00::/8',
  }
}

function isAddressRange(text: string): boolean {
  const [, address = '', bits] = /^([\d.:a-f]+)\/(\d{1,3})$/i.exec(text) ?? []
  const version = isIP(address)
  return version !== 0 && Number(bits) <= (version === 6 ? 128 : 32)
}

/** Names of hosts, with commas between, as they stand in addresses. */
export function hostNames(): Parser<readonly string[]> {
  return {
    parse: (value) => {
      const names = value.toLowerCase().split(',')
      return names.length <= 100 && names.every(isHostName) ? names : undefined
    },
    must: 'host names with commas between and without ports, such as sluice.example.com,10.0.0.7',
  }
}

function isHostName(text: string): boolean {
  return /^[\w-]+(\.[\w-]+)*$|^\[[\da-f:]+\]$/.test(text) && text.length <= 255
}

/** A whole number in plain digits. */
export function integer(min: number, max: number): Parser<number> {
  return {
    parse: (value) => between(/^\d{1,15}$/.test(value) ? Number(value) : null, min, max),
    must: `a whole number from ${min} to ${max}`,
  }
}

/** A number in plain decimals. */
export function decimal(min: number, max: number): Parser<number> {
  return {
    parse: (value) => between(/^\d{1,9}(\.\d{1,9})?$/.test(value) ? Number(value) : null, min, max),
    must: `a number from ${min} to ${max}`,
  }
}

/** A length of time; the bounds are written as people write them. */
export function duration(min: string, max: string): Parser<DurationMs> {
  return quantity(parseDuration, min, max, 'such as 500ms, 10s, 5m, 1h or 30d')
}

/** A number of bytes; the bounds are written as people write them. */
export function size(min: string, max: string): Parser<number> {
  return quantity(parseSize, min, max, 'such as 64MB (thousands) or 64MiB (1024s)')
}

/** What `other` reads, or a word that stands for null. */
export function orWord<T>(word: string, other: Parser<T>): Parser<T | null> {
  return {
    parse: (value) => (value === word ? null : other.parse(value)),
    must: `${word} or ${other.must}`,
  }
}

function quantity(
  parse: (text: string) => number | null,
  min: string,
  max: string,
  form: string,
): Parser<number> {
  const least = parse(min) ?? 0
  const most = parse(max) ?? Number.POSITIVE_INFINITY
  return {
    parse: (value) => between(parse(value), least, most),
    must: `from ${min} to ${max}, ${form}`,
  }
}

function between(value: number | null, min: number, max: number): number | undefined {
  return value !== null && value >= min && value <= max ? value : undefined
}
