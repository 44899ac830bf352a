/** The environment variables that hold settings, among all others. */
export function environment(): Readonly<Record<string, string | undefined>> {
  const { SLUICE_URL: _, ...others } = process.env
  return others
}

/**
 * Where the commands that talk to a service find it; an empty text counts as unset. It says nothing to the
 * service itself.
 */
export function serviceUrl(): string | null {
  return process.env['SLUICE_URL'] || null
}
