/** How kinds show what they would hand over. */
import type { JsonObject } from '../../core/units.ts'
import type { Delivery, Impossible, Preview, Shown } from '../kind.ts'
import { notConfigured } from './endings.ts'

/**
 * Shows one call for all payloads that can be handed over.
 *
 * @param textOf what becomes of one of them
 * @param callOf the call, of those texts
 */
export function together(
  textOf: (delivery: Delivery) => string | Impossible,
  callOf: (texts: readonly string[], deliveries: readonly Delivery[]) => JsonObject,
): Preview['write'] {
  return (deliveries) => {
    const texts = deliveries.map(textOf)
    const fit = texts.filter((text) => typeof text === 'string')
    const whose = deliveries.filter((_, place) => typeof texts[place] === 'string')
    const shown: Shown = { kind: 'call', call: callOf(fit, whose) }
    return texts.map((text) => (typeof text === 'string' ? shown : text))
  }
}

/** Shows that nothing can be written to a system. */
export const noWrites: Preview['write'] = (deliveries) =>
  deliveries.map(() => notConfigured('write'))
