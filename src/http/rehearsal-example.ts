/** A rehearsal of ten thousand mappings, for the documentation. */
export const REHEARSAL_EXAMPLE = {
  would_be: 'accepted',
  replay_of: null,
  problem: null,
  total_mappings: 10_000,
  priority: 'MEDIUM',
  batches: 1000,
  batch_size: 10,
  predicted_seconds: 100,
  lanes: [
    {
      target: 'shop',
      kind: 'http',
      mappings: 10_000,
      batches: 1000,
      reads_from: ['crm'],
      predicted_seconds: 100,
      bounded_by: 'rate',
      because: 'shop may be called 100/s.',
      mappings_before: 0,
      gate: { state: 'open', until: null, reason: null },
      limits: { concurrency: 20, rate: ['100/s'], learned_rate: null, mappings_per_call: 1 },
      call_ms: 48,
    },
  ],
  mappings: [
    {
      id: 'map_001',
      source: 'crm',
      target: 'shop',
      record: 'source',
      payload: { key: 'crm:map_001', email: '{% $lowercase(record.email) %}' },
      depends_on_record: ['#/email'],
      read: {
        method: 'GET',
        url: 'https://crm.example.com/contacts/map_001',
        headers: { accept: 'application/json', authorization: 'Bearer ***' },
        body: null,
      },
      write: {
        mappings: ['map_001'],
        holds_up_to: 1,
        call: {
          method: 'PUT',
          url: 'https://shop.example.com/api/contacts/map_001',
          headers: {
            'content-type': 'application/json',
            authorization: 'Bearer ***',
            'idempotency-key': '00000000-0000-0000-0000-000000000000:0',
          },
          body: '{"key":"crm:map_001","email":"{% $lowercase(record.email) %}"}',
        },
      },
      error: null,
      notes: [],
    },
  ],
}
