/**
 * The `traceparent` of the calls for one mapping (W3C Trace Context, section 3.2): the request is the
 * trace, and each mapping a span in it, the same at every attempt. It says "sampled", because a "no"
 * would keep systems further on from recording what they record of their own accord.
 *
 * @param request a UUID
 */
export function traceparent(request: string, ordinal: number): string {
  // A span of zeros only is not valid.
  const span = (ordinal + 1).toString(16).padStart(16, '0')
  return `00-${withoutHyphens(request)}-${span}-01`
}

/** Every call has one: a replacement would cost as much as all the rest of it. */
function withoutHyphens(uuid: string): string {
  return (
    uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(14, 18) + uuid.slice(19, 23) + uuid.slice(24)
  )
}
