import type { Command } from 'commander'
import { isBaseUrl, Sluice } from '../client/index.ts'
import { serviceUrl } from '../config/environment.ts'

export interface AddressOptions {
  readonly url: string
}

/**
 * Gives a command the option that says where Sluice answers.
 *
 * @param otherwise where, if nobody says; null leaves it open
 */
export function withAddress(
  command: Command,
  otherwise: string | null = 'http://localhost:8000',
): Command {
  const address = serviceUrl() ?? otherwise ?? undefined
  return command
    .option('--url <url>', 'address of the service; SLUICE_URL sets it too', address)
    .hook('preAction', refuseBadAddress)
}

/** A client for the address that was given. */
export function connect({ url }: AddressOptions): Sluice {
  return new Sluice({ baseUrl: url })
}

function refuseBadAddress(_: Command, acting: Command): void {
  const { url } = acting.opts<Partial<AddressOptions>>()
  if (url === undefined || isBaseUrl(url)) return
  acting.error(
    'error: --url (or SLUICE_URL) must be a URL such as http://localhost:8000, without a user, a query or a fragment.',
  )
}
