/** The systems there are, as far as intake needs to know them. */
export interface SystemCatalogue {
  /** `demo`: there is no systems file, and every name is a simulated system. */
  readonly mode: 'demo' | 'configured'
  has(name: string): boolean
  /** Whether records can be read from it. */
  reads(name: string): boolean
  readonly names: readonly string[]
}

/** What a catalogue knows, as it can be handed to another thread. */
export interface CatalogueData {
  readonly mode: SystemCatalogue['mode']
  readonly names: readonly string[]
  /** Those that records can be read from. */
  readonly readable: readonly string[]
}

/** The catalogue of what is known. */
export function toCatalogue({ mode, names, readable }: CatalogueData): SystemCatalogue {
  const known = new Set(names)
  const sources = new Set(readable)
  return {
    mode,
    names,
    has: mode === 'demo' ? () => true : (name) => known.has(name),
    reads: (name) => sources.has(name),
  }
}
