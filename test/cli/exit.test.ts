import { expect, test } from 'vitest'
import { EXIT, endingFor } from '../../src/cli/exit.ts'

test('what is to be mended ends a command otherwise than what is good another time', () => {
  for (const status of [400, 404, 409, 413, 422]) expect(endingFor(status)).toBe(EXIT.misuse)
  for (const status of [429, 500, 502, 503]) expect(endingFor(status)).toBe(EXIT.unavailable)
})
