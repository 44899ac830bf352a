/** A command, as far as a shell completes it. */
export interface CompletedCommand {
  readonly name: string
  readonly description: string
  readonly options: readonly CompletedOption[]
  /** What may stand after it; empty where that is a file or a name. */
  readonly words: readonly string[]
}

export interface CompletedOption {
  /** `-p` and `--priority`, or only the long one. */
  readonly flags: readonly string[]
  readonly description: string
  readonly takesValue: boolean
  /** The values it may have; empty where that is anybody's guess, or a file. */
  readonly choices: readonly string[]
}
