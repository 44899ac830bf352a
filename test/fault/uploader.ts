/** A client in a process of its own, which can be killed: it sends so many mappings as one stream. */
const [url = '', key = '', count = '0'] = process.argv.slice(2)

const CHUNK_MAPPINGS = 500

/** About 170 bytes a line. Says on its output when a chunk is on its way. */
async function* body(): AsyncGenerator<Uint8Array, void> {
  for (let first = 0; first < Number(count); first += CHUNK_MAPPINGS) {
    const lines = Array.from({ length: CHUNK_MAPPINGS }, (_, place) => {
      const id = `${key}_${first + place}`
      const data = { id, email: `${id}@example.com`, notes: 'x'.repeat(60) }
      return `${JSON.stringify({ id, source: 'shop', target: 'shop', data })}\n`
    })
    yield Buffer.from(lines.join(''))
    process.stdout.write('sent\n')
  }
}

try {
  const answer = await fetch(`${url}/ingest`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': key },
    body: ReadableStream.from(body()),
    duplex: 'half',
  })
  await answer.text()
  process.stdout.write(`answered ${answer.status}\n`)
} catch {
  process.stdout.write('no answer\n')
}
