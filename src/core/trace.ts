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
  return `00-${request.replaceAll('-', '')}-${span}-01`
}
