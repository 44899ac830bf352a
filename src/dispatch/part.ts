/** Which part of a system's limits a worker may use: that of one of so many. */
export interface Part {
  readonly workers: number
  readonly position: number
}

/** That of a worker which is the only one. */
export const WHOLE: Part = { workers: 1, position: 0 }
