import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { canReadProcesses } from './proc.js'

/** Fields of `/proc/PID/stat` (proc(5)). */
export interface ProcessStat {
  readonly pid: number
  /** Name of the program, cut to 15 bytes, unless the process has changed it. */
  readonly name: string
  /** Of the main thread: such as `S`, `R`, `T` (stopped) or `Z` (it has ended). */
  readonly state: string
  readonly ppid: number
  readonly pgrp: number
  readonly session: number
  /** Device number of the controlling terminal; 0 if there is none. */
  readonly tty: number
  /** CPU time of all its threads in user and kernel mode, in units of 10 ms (USER_HZ, times(2)). */
  readonly cpuTicks: number
  /** A main thread that has ended is counted as long as others live. */
  readonly threads: number
  /** Whether it is exiting: it has no environment any more, and soon no files, by which it could be found. */
  readonly isExiting: boolean
  /** Field 22: clock ticks between boot and the process's start. */
  readonly startTime: number
}

/** In field 9, as in the kernel's sched.h. */
const PF_EXITING = 0x4

/** Reads `/proc/PID/stat`; undefined if there is no such process, or no `/proc` of this pid namespace. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  if (!canReadProcesses()) return undefined
  const text = readProcText(`/proc/${pid}/stat`, 'latin1')
  return text === undefined ? undefined : parseProcessStat(text)
}

/** The second field is the program's name in parentheses and may itself hold spaces and parentheses: split after the last. */
export function parseProcessStat(text: string): ProcessStat {
  const nameEnd = text.lastIndexOf(')')
  const fields = text.slice(nameEnd + 2).split(' ')
  return {
    pid: Number.parseInt(text, 10),
    name: text.slice(text.indexOf('(') + 1, nameEnd),
    state: fields[0] ?? '?',
    ppid: Number(fields[1]),
    pgrp: Number(fields[2]),
    session: Number(fields[3]),
    tty: Number(fields[4]),
    isExiting: (Number(fields[6]) & PF_EXITING) !== 0,
    cpuTicks: Number(fields[11]) + Number(fields[12]),
    threads: Number(fields[17]),
    startTime: Number(fields[19]),
  }
}

/** Whether the process runs: it is no zombie, or one of its threads lives on after its main thread has ended. */
export function isLive(stat: ProcessStat): boolean {
  return livingThread(stat) !== undefined
}

/**
 * A thread of the process that lives: the main one, whose number is the pid, unless that has ended (`pthread_exit`). Then
 * `/proc/PID` looks like a zombie's and names neither environment nor descriptors; `/proc/<the thread>` does.
 */
export function livingThread(stat: ProcessStat): number | undefined {
  if (!hasEnded(stat.state)) return stat.pid
  return stat.threads > 1 ? threadsOf(stat.pid).find(isLivingThread) : undefined
}

/** More than the longest stat line, and the most of any text that is read. */
const MAX_BYTES = 4096

/** One for all, since a search reads hundreds, and `readFileSync` takes five times as long. */
const buffer = Buffer.allocUnsafeSlow(MAX_BYTES)

/** The first 4 KiB of a file in `/proc`; undefined if it cannot be read. */
export function readProcText(path: string, encoding: 'latin1' | 'utf8'): string | undefined {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    return buffer.toString(encoding, 0, readSync(fd, buffer, 0, MAX_BYTES, null))
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch {
    return []
  }
}

function isLivingThread(thread: number): boolean {
  const state = readProcessStat(thread)?.state
  return state !== undefined && !hasEnded(state)
}

function hasEnded(state: string): boolean {
  return state === 'Z' || state === 'X'
}
