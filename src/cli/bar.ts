import { type Output, widthOf } from './output.ts'

/** How many columns a bar takes, and how many the words beside it need. */
const BAR = { min: 5, max: 40 } as const
const WORDS = 55

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
      barsize: Math.max(BAR.min, Math.min(BAR.max, widthOf(output) - WORDS)),
      hideCursor: true,
      // It would take Ctrl-C for itself, and go on.
      gracefulExit: false,
    },
    progress.Presets.shades_classic,
  )
}
