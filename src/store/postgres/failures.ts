import { FAILURE_GROUPS_MAX, type FailureRun, REGROUPED } from '../../core/failures.ts'
import { REST } from '../rows.ts'

const KEY = 'request, target, code, http_status'

/**
 * Counts failures into the groups of their request: rows of `failing`, which have at most one for each
 * group. It waits for the requests' own rows (`counted`), whose locks keep two from doing so at once.
 * How many groups there are is read as the statement begins: nodes that do it at once may go over the
 * limit by what they bring.
 */
export const GROUP = `sized AS (
    SELECT f.*, g.request IS NOT NULL OR (SELECT count(*) FROM failure_groups o
          WHERE o.request = f.request AND o.target <> '${REST.target}')
        + row_number() OVER (PARTITION BY f.request, g.request IS NULL
            ORDER BY f.target, f.code, f.http_status) <= ${FAILURE_GROUPS_MAX} AS fits
    FROM failing f LEFT JOIN failure_groups g USING (${KEY})
  ), grouped AS (
    INSERT INTO failure_groups AS g (${KEY}, count, sample, message)
    SELECT s.request, CASE WHEN fits THEN target ELSE '${REST.target}' END,
      CASE WHEN fits THEN code ELSE '${REST.code}' END,
      CASE WHEN fits THEN http_status ELSE ${REST.httpStatus} END,
      sum(s.count)::bigint, min(s.sample), max(s.message)
    FROM sized s JOIN counted c ON c.seq = s.request
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (${KEY}) DO UPDATE SET count = g.count + excluded.count, message = excluded.message
  )`

/**
 * The parts of a settle that count its failures, as seven arrays from the parameter `first` on. Of a
 * batch's failures only the last are new: a run counts as far as those `behind` it leave something.
 */
export function countFailures(first: number): string {
  const array = (offset: number, type: string) => `$${first + offset}::${type}[]`
  return `failing AS MATERIALIZED (
    SELECT h.request, h.lane AS target, f.code, f.http_status,
      sum(least(f.count, h.more_failed - f.behind))::bigint AS count,
      (array_agg(f.sample ORDER BY f.place))[1] AS sample,
      (array_agg(f.message ORDER BY f.place DESC))[1] AS message
    FROM unnest(${array(0, 'bigint')}, ${array(1, 'text')}, ${array(2, 'bigint')},
        ${array(3, 'bigint')}, ${array(4, 'bigint')}, ${array(5, 'text')}, ${array(6, 'text')})
        WITH ORDINALITY AS f (batch, code, http_status, count, behind, sample, message, place)
      JOIN held h ON h.id = f.batch AND h.more_failed > f.behind
    GROUP BY h.request, h.lane, f.code, f.http_status
  ), ${GROUP}`
}

/**
 * The parts of an audit that give up groups which do not add up, for one that holds all failures of the
 * request: `recount` says what both should be.
 */
export const REGROUP = `wrong AS (
    SELECT c.seq, c.failed FROM recount c JOIN counted r USING (seq) WHERE c.grouped <> c.failed
  ), dropped AS (
    DELETE FROM failure_groups g USING wrong w
    WHERE g.request = w.seq AND (g.target <> '${REST.target}' OR w.failed = 0)
  ), regrouped AS (
    INSERT INTO failure_groups (${KEY}, count, sample, message)
    SELECT seq, '${REST.target}', '${REST.code}', ${REST.httpStatus}, failed, '', '${REGROUPED}'
    FROM wrong WHERE failed > 0
    ON CONFLICT (${KEY}) DO UPDATE SET count = excluded.count, message = excluded.message
  )`

/** What a settle is given for `countFailures`: the runs of its batches, one after the other. */
export function failureParameters(
  batches: readonly { readonly batch: number; readonly failures: readonly FailureRun[] }[],
): readonly (readonly unknown[])[] {
  const rows = batches.flatMap(({ batch, failures }) => {
    let behind = failures.reduce((sum, { count }) => sum + count, 0)
    return failures.map((run) => {
      behind -= run.count
      return { ...run, batch, behind }
    })
  })
  return [
    rows.map(({ batch }) => batch),
    rows.map(({ code }) => code),
    rows.map(({ httpStatus }) => httpStatus ?? REST.httpStatus),
    rows.map(({ count }) => count),
    rows.map(({ behind }) => behind),
    rows.map(({ sample }) => sample),
    rows.map(({ message }) => message),
  ]
}
