import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Survivor } from '../contract/info.js'
import { COOKIE_VARIABLE } from './environment.js'
import { canReadProcesses, readProcessUsers } from './proc.js'
import { type ProcessStat, readProcessStat } from './stat.js'

/** What makes a process part of a task. */
export interface TreeSelector {
  /** Start time of the supervisor (null where unknown): what is older is not the task's, and need not be looked into. */
  readonly since: number | null
  /** Value of the cookie variable that the task's processes carry. */
  readonly cookie: string
  /** Children of the task's runs. Each led its own session, so its pid is also a group and a session. Survivors of a stop. */
  readonly roots: readonly TreeRoot[]
  /** Targets of `/proc/PID/fd/N` such as `pipe:[123]`: the task's pipes. */
  readonly pipes: readonly string[]
  /** Pids that never belong to the tree: the one that asks, and the supervisor. */
  readonly spare: readonly number[]
  /** Uid that a process must have as its real one to be signalled: that of who named the rest. Missing or root: any. */
  readonly owner?: number
}

/** The child of a run; its start time (null where unknown) tells its session from that of a later process with its pid. */
export interface TreeRoot {
  readonly pid: number
  readonly startTime: number | null
}

/** A process of the tree; `startTime` guards against the pid being reused. */
export interface TreeProcess {
  readonly pid: number
  readonly startTime: number
}

/**
 * Finds every live process of a task: the child's session and group, descendants by parent, carriers of the cookie, and
 * whoever holds one of the task's pipes as its fd 0, 1 or 2. A process that dropped all of these cannot be found.
 */
export function findTree(selector: TreeSelector): TreeProcess[] {
  const spare = new Set(selector.spare)
  const since = selector.since ?? 0
  const stats = allProcesses().filter(({ state, startTime }) => startTime >= since && state !== 'Z' && state !== 'X')
  const members = new Set<number>()
  const add = (stat: ProcessStat) => {
    if (!spare.has(stat.pid)) members.add(stat.pid)
  }
  for (const stat of stats) {
    if (
      selector.roots.some((root) => inSession(stat, root)) ||
      carriesCookie(stat.pid, selector.cookie) ||
      holdsPipe(stat.pid, selector.pipes)
    ) {
      add(stat)
    }
  }
  addDescendants(stats, members, add)
  return stats.filter((stat) => members.has(stat.pid)).map(({ pid, startTime }) => ({ pid, startTime }))
}

/** Whether a process may be signalled on behalf of the selector's owner, as the kernel would let that user do. */
export function isOwned({ pid }: TreeProcess, { owner = 0 }: TreeSelector): boolean {
  return owner === 0 || readProcessUsers(pid)?.real === owner
}

/**
 * Sends a signal to one process of a tree, after a last look at its start time. The look narrows the race with a reused
 * pid to microseconds; without pidfds it cannot be closed.
 *
 * @returns false where the process is gone or may not be signalled.
 */
export function signalProcess(target: TreeProcess, killSignal: NodeJS.Signals): boolean {
  if (readProcessStat(target.pid)?.startTime !== target.startTime) return false
  try {
    return process.kill(target.pid, killSignal)
  } catch {
    return false
  }
}

/** Names processes for people: pid, start time and command line. */
export function describeProcesses(processes: readonly TreeProcess[]): Survivor[] {
  return processes.map(({ pid, startTime }) => ({ pid, startTime, command: commandLine(pid) }))
}

function allProcesses(): ProcessStat[] {
  if (!canReadProcesses()) return []
  const stats: ProcessStat[] = []
  for (const name of readdirSync('/proc')) {
    const first = name.charCodeAt(0)
    if (first < 48 || first > 57) continue
    const stat = readProcessStat(Number(name))
    if (stat !== undefined) stats.push(stat)
  }
  return stats
}

function inSession(stat: ProcessStat, root: TreeRoot): boolean {
  if (stat.pid !== root.pid && stat.session !== root.pid && stat.pgrp !== root.pid) return false
  // While any process is in the session its number is not reused as a pid, so only a *later* leader can deceive us.
  const leader = readProcessStat(root.pid)
  return leader === undefined || root.startTime === null || leader.startTime === root.startTime
}

function carriesCookie(pid: number, cookie: string): boolean {
  try {
    const wanted = `${COOKIE_VARIABLE}=${cookie}`
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(wanted)
  } catch {
    return false
  }
}

function holdsPipe(pid: number, pipes: readonly string[]): boolean {
  if (pipes.length === 0) return false
  for (const fd of [0, 1, 2]) {
    try {
      if (pipes.includes(readlinkSync(`/proc/${pid}/fd/${fd}`))) return true
    } catch {
      // Not open, not ours to see, or gone: then it is not a holder that we could signal either.
    }
  }
  return false
}

function addDescendants(
  stats: readonly ProcessStat[],
  members: ReadonlySet<number>,
  add: (stat: ProcessStat) => void,
): void {
  for (let before = -1; before !== members.size; ) {
    before = members.size
    for (const stat of stats) {
      if (members.has(stat.ppid) && !members.has(stat.pid)) add(stat)
    }
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim().slice(0, 512)
  } catch {
    return ''
  }
}
