import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { allPids, isRunning, readEnvironment, readProcessStat } from '@bgtask/os'

/** Whether the process runs: it is neither gone nor a zombie. */
export function isAlive(pid: number): boolean {
  return isRunning(pid, null)
}

export function processArgv(pid: number): string[] {
  return (orUndefined(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '').split('\0').slice(0, -1)
}

/** The environment at exec; empty if it is not readable. */
export function processEnv(pid: number): Record<string, string> {
  return Object.fromEntries(
    readEnvironment(pid)
      .filter((entry) => entry.includes('='))
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )
}

/** Targets of the open descriptors, as in `ls -l /proc/PID/fd` (`pipe:[123]`, `socket:[45]`, a path). */
export function processFds(pid: number): Map<number, string> {
  const fds = new Map<number, string>()
  for (const fd of orUndefined(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
    const target = readLink(`/proc/${pid}/fd/${fd}`)
    if (target !== undefined) fds.set(Number(fd), target)
  }
  return fds
}

export function processCwd(pid: number): string | undefined {
  return readLink(`/proc/${pid}/cwd`)
}

export function childrenOf(pid: number): number[] {
  return allPids().filter((other) => readProcessStat(other)?.ppid === pid)
}

function readLink(path: string): string | undefined {
  return orUndefined(() => readlinkSync(path))
}

/** A process may end between two reads, or belong to another user. */
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
