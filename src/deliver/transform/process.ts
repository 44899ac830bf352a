/**
 * The transformer process: computes the jobs it is sent, one after the other. What it runs was written
 * by others, so before it takes the first job it gives up what it needed to come this far: to read
 * files and to start threads. It has no environment, and ends with the process that started it.
 */
import { Worker } from 'node:worker_threads'
import type { FromProcess, Job } from './job.ts'
import { render } from './render.ts'

/** Resolves when it is on its way, so that it arrives whatever the next job does. */
function say(message: FromProcess): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve())
  })
}

process.on('message', async (texts: readonly string[]) => {
  for (const text of texts) {
    const job: Job = JSON.parse(text)
    await say(await render(job))
  }
})

const watchdog = new Worker(new URL('./watchdog.ts', import.meta.url))
watchdog.once('message', () => {
  for (const scope of ['worker', 'fs.read']) drop(scope)
  void say({ kind: 'ready' })
})

function drop(scope: string): void {
  // Node's types are older than this method, and so may Node be.
  const permission: NodeJS.ProcessPermission & { drop?: (scope: string) => void } =
    process.permission
  permission.drop?.(scope)
}
