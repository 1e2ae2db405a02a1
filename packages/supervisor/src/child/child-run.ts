import { readlinkSync } from 'node:fs'
import { livingThread, monotonicMs, readProcessStat } from '@bgtask/os'
import type { StartedChild } from './start.js'

/** One run of the child. */
export interface Run {
  /** From 1. */
  readonly number: number
  readonly pid: number
  /** Distinguishes the child from a later process with its pid; null if there is no `/proc`. */
  readonly startTime: number | null
  /** Unix time in ms, to be shown. */
  readonly startedAt: number
  /** The same as `monotonicMs()`, to be counted from: the wall clock may jump. */
  readonly startedMs: number
  /** Names of its pipes as in `/proc/PID/fd`, by which leftover holders are found. */
  readonly pipes: readonly string[]
}

/** Reads what identifies a run right after its start: the child may end at any moment. */
export function describeRun(number: number, child: StartedChild): Run {
  const pipes = [child.stdin, child.stdout, child.stderr].map(pipeName).filter((name) => name !== undefined)
  return {
    number,
    pid: child.pid,
    startTime: readProcessStat(child.pid)?.startTime ?? null,
    startedAt: Date.now(),
    startedMs: monotonicMs(),
    pipes,
  }
}

/** Whether the child is stopped by a signal now; false if it is gone or there is no `/proc`. */
export function isStopped(run: Run): boolean {
  const stat = readProcessStat(run.pid)
  if (stat?.state !== 'Z') return stat?.state === 'T'
  // The main thread may have ended before the others.
  const thread = livingThread(stat)
  return thread !== undefined && readProcessStat(thread)?.state === 'T'
}

function pipeName(end: StartedChild['stdin']): string | undefined {
  if (typeof end !== 'number') return undefined
  try {
    return readlinkSync(`/proc/self/fd/${end}`)
  } catch {
    return undefined
  }
}
