import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** The users of a process. */
export interface ProcessUsers {
  /** The user who started it: a set-uid program keeps it, and that user may signal it. */
  readonly real: number
  /** The user whose rights it has: the owner of the files that it creates. */
  readonly effective: number
}

let ownPids: boolean | undefined

/**
 * Whether `/proc` shows the pids of this process's own pid namespace. After `unshare --pid --fork` without a mount of its own
 * it shows those of an outer one: every number in it is then another process's. Read once, since a mount is made before.
 */
export function canReadProcesses(): boolean {
  ownPids ??= pidsInProc() === String(process.pid)
  return ownPids
}

/** Our pid in `/proc`'s namespace, and in those below it down to our own; undefined if there is no `/proc` of ours. */
function pidsInProc(): string | undefined {
  try {
    // The pid alone could be the same in both by chance.
    return /^NSpid:\s+(.+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? readlinkSync('/proc/self')
  } catch {
    return undefined
  }
}

/** Lists the pids of all processes; empty if there is no `/proc` of this pid namespace. */
export function allPids(): number[] {
  if (!canReadProcesses()) return []
  const pids: number[] = []
  for (const name of readdirSync('/proc')) {
    const first = name.charCodeAt(0)
    if (first >= 48 && first <= 57) pids.push(Number(name))
  }
  return pids
}

/** Reads the environment at exec of a process or thread as `NAME=value`; empty if it is gone or belongs to another user. */
export function readEnvironment(pid: number | undefined): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean)
  } catch {
    return []
  }
}

/** Reads the `Uid` line of `/proc/PID/status`; undefined if there is no such process, or it cannot be seen. */
export function readProcessUsers(pid: number): ProcessUsers | undefined {
  if (!canReadProcesses()) return undefined
  try {
    // Not the owner of /proc/PID: that is root for a process that may not be dumped, such as a set-uid program.
    const [, real, effective] = /^Uid:\s+(\d+)\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return real === undefined ? undefined : { real: Number(real), effective: Number(effective) }
  } catch {
    return undefined
  }
}
