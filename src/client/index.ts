/**
 * The typed client of Sluice. It needs nothing but `fetch`, so it works in Node, Deno, Bun and
 * browsers alike.
 */
export { isBaseUrl } from './address.ts'
export { SluiceError, SluiceUnreachable } from './errors.ts'
export { isFinal } from './following.ts'
export { isIdempotencyKey, newIdempotencyKey } from './key.ts'
export type * from './options.ts'
export * from './problem.ts'
export type * from './rehearsal.ts'
export { Sluice } from './sluice.ts'
export type * from './system.ts'
export type { MappingSource } from './upload.ts'
export * from './wire.ts'
