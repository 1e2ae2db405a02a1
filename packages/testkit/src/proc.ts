import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What `/proc/PID/stat` tells of a process (proc(5)). */
export interface ProcessStat {
  pid: number
  comm: string
  /** One letter: `R` running, `S` sleeping, `T` stopped, `Z` zombie, … */
  state: string
  ppid: number
  pgrp: number
  session: number
  /** The controlling terminal's device number; 0 is none. */
  tty: number
  /** With a main thread that has ended but is still counted while others live. */
  threads: number
  /** Clock ticks since boot; with the pid it names a process for good. */
  startTime: number
}

/** Undefined where no such process is left; a zombie is still told. */
export function processStat(pid: number): ProcessStat | undefined {
  const text = readProc(pid, 'stat')
  if (text === undefined) return undefined
  // The name may hold blanks and parentheses, so the fields are counted from its last ")".
  const end = text.lastIndexOf(')')
  const fields = text.slice(end + 2).split(' ')
  const number = (index: number) => Number(fields[index])
  return {
    pid,
    comm: text.slice(text.indexOf('(') + 1, end),
    state: fields[0] ?? '',
    ppid: number(1),
    pgrp: number(2),
    session: number(3),
    tty: number(4),
    threads: number(17),
    startTime: number(19),
  }
}

/** Runs or could run: neither gone nor a zombie that nobody has reaped yet. One whose other threads live looks like a zombie. */
export function isAlive(pid: number): boolean {
  const stat = processStat(pid)
  return stat !== undefined && ((stat.state !== 'Z' && stat.state !== 'X') || stat.threads > 1)
}

export function processArgv(pid: number): string[] {
  return (readProc(pid, 'cmdline') ?? '').split('\0').slice(0, -1)
}

/** The environment at exec; empty where it may not be read. */
export function processEnv(pid: number): Record<string, string> {
  const entries = (readProc(pid, 'environ') ?? '').split('\0').filter((entry) => entry.includes('='))
  return Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )
}

/** Open descriptors and what they lead to, as in `ls -l /proc/PID/fd` (`pipe:[123]`, `socket:[45]`, a path). */
export function processFds(pid: number): Map<number, string> {
  const fds = new Map<number, string>()
  for (const fd of list(`/proc/${pid}/fd`)) {
    const target = readLink(`/proc/${pid}/fd/${fd}`)
    if (target !== undefined) fds.set(Number(fd), target)
  }
  return fds
}

export function processCwd(pid: number): string | undefined {
  return readLink(`/proc/${pid}/cwd`)
}

export function childrenOf(pid: number): number[] {
  return allPids().filter((other) => processStat(other)?.ppid === pid)
}

export function allPids(): number[] {
  return list('/proc').map(Number).filter(Number.isInteger)
}

function readProc(pid: number, name: string): string | undefined {
  return orUndefined(() => readFileSync(`/proc/${pid}/${name}`, 'utf8'))
}

function readLink(path: string): string | undefined {
  return orUndefined(() => readlinkSync(path))
}

function list(path: string): string[] {
  return orUndefined(() => readdirSync(path)) ?? []
}

/** Processes end between two looks, and some of theirs are not ours to read. */
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
