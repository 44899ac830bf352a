/** How a command ended, for scripts. */
export const EXIT = { ok: 0, incomplete: 1, misuse: 2, unavailable: 3, interrupted: 130 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** The same, for people. */
export const EXIT_CODES_HELP = `
Exit codes:
  0    all is well
  1    the request is finished, but not all of its mappings completed
  2    a wrong option, or input that Sluice refuses
  3    nothing answers, the server failed, or it asks to come again later
  130  interrupted with Ctrl-C`

/** Makes an action of a function that says how it ended. */
export function concluding<Arguments extends unknown[]>(
  action: (...args: Arguments) => Promise<ExitCode>,
): (...args: Arguments) => Promise<void> {
  return async (...args) => {
    process.exitCode = await action(...args)
  }
}

/** How a command ends that was answered no: whether the input is to be mended, or is good another time. */
export function endingFor(status: number): ExitCode {
  return status >= 500 || status === 429 ? EXIT.unavailable : EXIT.misuse
}
