import { readdirSync, readFileSync } from 'node:fs'
import { canReadProcesses } from '@bgtask/os'

/** What the processes of one task use. */
export interface Usage {
  /** Processor time used since they started, in ms. */
  readonly cpuMs: number
  /** Memory that is theirs in RAM, in bytes; what several share counts for each. */
  readonly memoryBytes: number
}

/** Linux tells processor time in these whatever the kernel's own clock (USER_HZ, times(2)). */
const TICK_MS = 10

interface Process {
  readonly pid: number
  readonly ppid: number
  readonly session: number
  readonly ticks: number
}

/** All processes of this machine, as `/proc` tells; empty where there is none of this pid namespace. */
export class Processes {
  readonly #all: readonly Process[] = pids().flatMap((pid) => readProcess(pid) ?? [])

  /** Of a task's first process, all in its session and all their descendants; undefined where none of them is seen. */
  usageOf(rootPid: number): Usage | undefined {
    const found = new Set<number>([rootPid])
    // A child may stand before its parent in the list: until no more is found.
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

/** proc(5): the name may hold anything, so the fields are counted from its closing parenthesis. */
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

/** Processes end between two looks. */
function read<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
