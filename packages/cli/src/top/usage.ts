import { readdirSync, readFileSync } from 'node:fs'
import { canReadProcesses } from '@bgtask/os'

/** Resource usage of a task's processes. */
export interface Usage {
  /** CPU time since their start, in ms. */
  readonly cpuMs: number
  /** Resident memory, in bytes; shared pages count for each process. */
  readonly memoryBytes: number
}

/** The unit in which Linux reports CPU time, independent of the kernel's own clock (USER_HZ, times(2)). */
const TICK_MS = 10

interface Process {
  readonly pid: number
  readonly ppid: number
  readonly session: number
  readonly ticks: number
}

/** All processes in `/proc`; empty without a `/proc` of this pid namespace. */
export class Processes {
  readonly #all: readonly Process[] = pids().flatMap((pid) => readProcess(pid) ?? [])

  /** Usage of a task's first process, all processes of its session and all their descendants; undefined if none is found. */
  usageOf(rootPid: number): Usage | undefined {
    const found = new Set<number>([rootPid])
    // A child may be listed before its parent: repeat until no more are found.
    for (let size = 0; size !== found.size; ) {
      size = found.size
      for (const { pid, ppid, session } of this.#all) if (found.has(ppid) || session === rootPid) found.add(pid)
    }
    const theirs = this.#all.filter(({ pid }) => found.has(pid))
    if (theirs.length === 0) return undefined
    const ticks = theirs.reduce((sum, process) => sum + process.ticks, 0)
    const memoryBytes = theirs.reduce((sum, { pid }) => sum + residentBytes(pid), 0)
    return { cpuMs: ticks * TICK_MS, memoryBytes }
  }
}

function pids(): number[] {
  if (!canReadProcesses()) return []
  return (read(() => readdirSync('/proc')) ?? []).filter((name) => /^\d+$/.test(name)).map(Number)
}

/** The name may contain any character, so fields are counted from its closing parenthesis (proc(5)). */
function readProcess(pid: number): Process | undefined {
  const text = read(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [ppid, session, user, system] = [1, 3, 11, 12].map((index) => Number(fields[index])) as [
    number,
    number,
    number,
    number,
  ]
  return { pid, ppid, session, ticks: user + system }
}

function residentBytes(pid: number): number {
  const status = read(() => readFileSync(`/proc/${pid}/status`, 'latin1')) ?? ''
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}

/** Returns undefined for a process that ended meanwhile. */
function read<T>(get: () => T): T | undefined {
  try {
    return get()
  } catch {
    return undefined
  }
}
