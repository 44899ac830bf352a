interface Address {
  readonly host: string
  readonly port: number
}

/** Tells a person why the server cannot listen there, and what to set instead. */
export function whyNotListening(cause: unknown, { host, port }: Address): string {
  if (!(cause instanceof Error)) return String(cause)
  switch ('code' in cause ? cause.code : null) {
    case 'EADDRINUSE':
      return `Port ${port} is taken on ${host}; choose another with PORT.`
    case 'EACCES':
      return `Port ${port} is not for this user to open; choose one above 1023 with PORT.`
    case 'EADDRNOTAVAIL':
      return `This machine does not have the address ${host}; choose one that it has with HOST.`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The host name ${host} is unknown; choose one of this machine, or an address, with HOST.`
    default:
      return `Port ${port} on ${host} cannot be opened: ${cause.message}.`
  }
}
