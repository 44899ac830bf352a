/**
 * The typed client of Sluice. It needs nothing but `fetch`, so it works in Node, Deno, Bun and
 * browsers alike.
 */
export { SluiceError, SluiceUnreachable } from './errors.ts'
export type {
  RequestsFilter,
  ResultsFilter,
  SluiceOptions,
  SubmitOptions,
  SystemChange,
  WaitOptions,
} from './options.ts'
export { isIdempotencyKey, Sluice } from './sluice.ts'
export { isBaseUrl } from './transport.ts'
export * from './wire.ts'
