import { readdirSync, readlinkSync } from 'node:fs'
import { allPids, isRunning, readEnvironment, readProcessStat } from '@bgtask/os'
import { until } from './waiting.js'

/** Whether a process with that pid runs and is no zombie. */
export const isAlive = (pid: number): boolean => isRunning(pid, null)

/** Resolves once a process has slept so often that it must be waiting; it may wake now and then to try again. */
export async function isIdle(pid: number): Promise<void> {
  const needed = 60
  let asleep = 0
  await until(() => {
    if (/[SZ]/.test(readProcessStat(pid)?.state ?? 'Z')) asleep += 1
    return asleep >= needed
  }, 'the supervisor waits for the rest of its stdin')
}

/** Processes with that entry (`NAME=value`) in their environment, except those in `without`. */
export function processesWith(entry: string, without: ReadonlySet<number>): number[] {
  return allPids().filter((pid) => !without.has(pid) && readEnvironment(pid).includes(entry) && isAlive(pid))
}

/** Target of a process's descriptor: `pipe:[123]`, `/dev/null`; empty if it is not open. */
export function descriptorOf(pid: number, fd: number): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`)
  } catch {
    return ''
  }
}

export function descriptorsOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/fd`).map(Number)
}
