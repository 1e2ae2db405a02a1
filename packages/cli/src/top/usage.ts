import { readFileSync } from 'node:fs'
import { ProcessTable } from '@bgtask/os'

/** Resource usage of a task's processes. */
export interface Usage {
  /** CPU time since their start, in ms. */
  readonly cpuMs: number
  /** Resident memory, in bytes; shared pages count for each process. */
  readonly memoryBytes: number
}

/** The unit in which `/proc` reports CPU time, independent of the kernel's own clock (USER_HZ, times(2)). */
const TICK_MS = 10

/** All processes in `/proc`; empty without a `/proc` of this pid namespace. */
export class Processes {
  readonly #all = new ProcessTable().stats

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
    const ticks = theirs.reduce((sum, process) => sum + process.cpuTicks, 0)
    const memoryBytes = theirs.reduce((sum, { pid }) => sum + residentBytes(pid), 0)
    return { cpuMs: ticks * TICK_MS, memoryBytes }
  }
}

/** 0 for a process that has ended meanwhile. */
function residentBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}
