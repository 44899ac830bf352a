/** Milliseconds on the one clock that all processes of a machine share; it has no date. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
