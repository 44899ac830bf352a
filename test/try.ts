import { startPostgres } from './support/postgres.ts'

const s = await startPostgres()
console.log(s.url)
process.on('SIGTERM', async () => {
  await s.stop()
  process.exit()
})
setInterval(() => {}, 1e6)
