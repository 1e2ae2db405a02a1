import { closeSync, openSync, readSync } from 'node:fs'

/** What of `/proc/PID/stat` tells processes apart and shows how they hang together. */
export interface ProcessStat {
  readonly pid: number
  /** Such as `S`, `R`, `T` (stopped) or `Z` (zombie). */
  readonly state: string
  readonly ppid: number
  readonly pgrp: number
  readonly session: number
  /** Whether it is on its way to become a zombie: by then it has no environment, and soon no files, to be known by. */
  readonly isExiting: boolean
  /** Field 22: clock ticks between boot and the process's start. */
  readonly startTime: number
}

/** In field 9, as in the kernel's sched.h. */
const PF_EXITING = 0x4

/** More than the longest line. One for all, since a search reads hundreds, and `readFileSync` takes five times as long. */
const buffer = Buffer.allocUnsafeSlow(4096)

/** Reads `/proc/PID/stat`; undefined where there is no such process, or no `/proc`. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  let fd: number | undefined
  try {
    fd = openSync(`/proc/${pid}/stat`, 'r')
    return parseProcessStat(buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, null)))
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** The second field is the program's name in parentheses and may itself hold spaces and parentheses: split after the last. */
export function parseProcessStat(text: string): ProcessStat {
  const nameEnd = text.lastIndexOf(')')
  const fields = text.slice(nameEnd + 2).split(' ')
  return {
    pid: Number.parseInt(text, 10),
    state: fields[0] ?? '?',
    ppid: Number(fields[1]),
    pgrp: Number(fields[2]),
    session: Number(fields[3]),
    isExiting: (Number(fields[6]) & PF_EXITING) !== 0,
    startTime: Number(fields[19]),
  }
}
