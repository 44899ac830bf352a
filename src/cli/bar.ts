import type { Output } from './output.ts'

/**
 * A bar that moves, for a terminal.
 *
 * @param format what is shown, with `{bar}`, `{percentage}`, `{value}`, `{total}` and words of its own
 */
export async function createBar(output: Output, format: string) {
  const { default: progress } = await import('cli-progress')
  return new progress.SingleBar(
    {
      stream: output,
      format,
      hideCursor: true,
      // It would take Ctrl-C for itself, and go on.
      gracefulExit: false,
    },
    progress.Presets.shades_classic,
  )
}
