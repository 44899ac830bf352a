/**
 * Ends the transformer process when the process that started it is gone, whatever an expression keeps
 * the main thread busy with. Nothing is ever written to the standard input: it ends, and that is all.
 */
import { readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'

const STANDARD_INPUT = 0

parentPort?.postMessage('watching')
try {
  while (readSync(STANDARD_INPUT, Buffer.alloc(1)) > 0);
} finally {
  process.kill(process.pid, 'SIGKILL')
}
