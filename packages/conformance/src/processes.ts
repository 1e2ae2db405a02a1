import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { isRunning } from '@bgtask/os'

/** Whether a process with that pid runs and is no zombie. */
export const isAlive = (pid: number): boolean => isRunning(pid, null)

export function allPids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger)
}

/** Processes with that entry (`NAME=value`) in their environment, without those that need not be looked at. */
export function processesWith(entry: string, without: ReadonlySet<number>): number[] {
  return allPids().filter((pid) => !without.has(pid) && environmentOf(pid).includes(entry) && isAlive(pid))
}

/** Entries of a process's environment; none where it is gone. */
function environmentOf(pid: number): string[] {
  return readProc(() => readFileSync(`/proc/${pid}/environ`, 'utf8'))
    .split('\0')
    .filter(Boolean)
}

/** Where a descriptor of a process leads: `pipe:[123]`, `/dev/null`; empty where it has none. */
export function descriptorOf(pid: number, fd: number): string {
  return readProc(() => readlinkSync(`/proc/${pid}/fd/${fd}`))
}

export function descriptorsOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/fd`).map(Number)
}

function readProc(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}
