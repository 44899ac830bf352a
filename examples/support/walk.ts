import { fileURLToPath } from 'node:url'
import { type IngestRequest, Sluice } from 'sluice/client'
import { startSluice } from './sluice.ts'

/**
 * Starts Sluice, hands a request in, waits until it is finished, and tells how it went.
 *
 * @param systemsFile where the systems are described
 * @param env what the systems file refers to
 */
export async function walk(
  systemsFile: URL,
  request: IngestRequest | string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const running = await startSluice(fileURLToPath(systemsFile), env)
  try {
    const sluice = new Sluice({ baseUrl: running.url })
    const { request_id, total_mappings } = await sluice.submit(request)
    console.log(`Accepted ${total_mappings} mappings as ${request_id}.`)
    const { status, completed_mappings } = await sluice.wait(request_id)
    console.log(`${status}: ${completed_mappings} of ${total_mappings} mappings completed.`)
    for await (const { id, error } of sluice.results(request_id, { status: 'failed' })) {
      console.log(`  ${id} failed: ${error?.message}`)
    }
  } finally {
    await running.stop()
  }
}
