import { readFileSync } from 'node:fs'

/** The most memory that a process had at once, in megabytes: VmHWM of proc_pid_status(5). */
export function mostMemory(pid: number): number {
  const [, kilobytes] =
    /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return (Number(kilobytes) * 1024) / 1e6
}
