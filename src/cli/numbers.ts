import { InvalidArgumentError } from 'commander'
import { grouped } from '../core/quantity.ts'

/** Reads an option that is a whole number of at least 1. */
export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number from 1 on.')
  return Number(text)
}

/** `3 s`, `2 min 10 s`, `1 h 5 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** `1 mapping`, `12,345 mappings`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** `0.4 MB`, `12,345.0 MB`. */
export function megabytes(bytes: number): string {
  return `${grouped((bytes / 1e6).toFixed(1))} MB`
}
