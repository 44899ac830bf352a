/** A key, and two ids whose hashes by it are the same as far as they are looked at. */
export const KEY = [1, 2] as const
export const COLLIDING = ['map_360533', 'map_819588'] as const
