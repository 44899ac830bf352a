/** A real RabbitMQ, where the machine has one. It listens on loopback only. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end, findCommand, startCommand } from './command.ts'
import { freePort } from './postgres.ts'

/** A broker that runs. */
export interface RabbitServer {
  readonly port: number
  readonly user: string
  readonly password: string
  stop(): Promise<void>
}

const USER = 'sluice'
const PASSWORD = 'canary-password'

/** Debian's own command changes the user; what it wraps does not. */
const UNWRAPPED = '/usr/lib/rabbitmq/bin/rabbitmq-server'

/** Starts a broker on a free port, with a port mapper (epmd) of its own. Takes some seconds. */
export async function startRabbit(command: string): Promise<RabbitServer> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-rabbitmq-'))
  const [port, mapperPort, nodePort] = [await freePort(), await freePort(), await freePort()]
  const config = join(directory, 'rabbitmq.conf')
  await writeFile(
    config,
    [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      `default_user = ${USER}`,
      `default_pass = ${PASSWORD}`,
      'log.console = true',
      'log.file = false',
      '',
    ].join('\n'),
  )
  const mapperEnv = { ERL_EPMD_PORT: String(mapperPort), ERL_EPMD_ADDRESS: '127.0.0.1' }
  const mapper = spawn(findCommand('epmd') ?? 'epmd', [], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'], ...mapperEnv },
  })
  await once(mapper, 'spawn')
  const server = await startCommand(
    (existsSync(UNWRAPPED) ? UNWRAPPED : null) ?? command,
    [],
    'Server startup complete',
    {
      ...mapperEnv,
      HOME: directory,
      RABBITMQ_NODENAME: `sluice-${port}@localhost`,
      RABBITMQ_DIST_PORT: String(nodePort),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      RABBITMQ_CONFIG_FILE: config,
      RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
      RABBITMQ_LOG_BASE: join(directory, 'log'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'plugins'),
      RABBITMQ_CONF_ENV_FILE: join(directory, 'none'),
    },
  )
  return {
    ...{ port, user: USER, password: PASSWORD },
    async stop() {
      await end(server, 'SIGTERM')
      await end(mapper)
      await rm(directory, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
