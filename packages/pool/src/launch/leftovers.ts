import { setTimeout as delay } from 'node:timers/promises'
import {
  allPids,
  isLive,
  isRunning,
  livingThread,
  type ProcessStat,
  readEnvironment,
  readProcessStat,
  signalProcess,
} from '@bgtask/os'

/** Asked to go, a supervisor may need a moment to end the child it has just started; then it is made to. */
const STEPS = [
  { killSignal: 'SIGTERM', waitMs: 2_000 },
  { killSignal: 'SIGKILL', waitMs: 2_000 },
] as const

const POLL_INTERVAL_MS = 5

/** What a launch may have left. */
export interface Launched {
  /** `NAME=value` in the environment of its processes, random and of that launch alone. */
  readonly marks: readonly string[]
  /** Start time of its first process, if known: what is older need not be looked into. */
  readonly since: number | undefined
}

/** Ends whatever a launch that failed left running. */
export async function endLeftovers(launched: Launched): Promise<void> {
  const found = new Map<number, ProcessStat>()
  const refresh = () => {
    for (const target of findLeftovers(launched)) found.set(target.pid, target)
    return [...found.values()].filter(({ pid, startTime }) => isRunning(pid, startTime))
  }
  for (const { killSignal, waitMs } of STEPS) {
    const deadline = performance.now() + waitMs
    const signalled = new Set<number>()
    for (let left = refresh(); left.length > 0 && performance.now() < deadline; left = refresh()) {
      for (const target of left) {
        if (isEnding(target) || signalled.has(target.pid)) continue
        signalled.add(target.pid)
        signalProcess(target, killSignal)
        signalProcess(target, 'SIGCONT')
      }
      await delay(POLL_INTERVAL_MS)
    }
  }
}

/**
 * The carriers of a mark, and those that may have been: a process that exits loses its environment first, then its files,
 * whose end the launcher sees, and is gone only after that. It may be anybody's, so it is waited for and not signalled.
 */
function findLeftovers({ marks, since = 0 }: Launched): ProcessStat[] {
  return allPids().flatMap((pid) => {
    // The start time first: should the pid be reused after this, the signal is not sent.
    const stat = readProcessStat(pid)
    if (stat === undefined || stat.startTime < since || !isLive(stat)) return []
    const environment = readEnvironment(livingThread(stat))
    if (marks.some((mark) => environment.includes(mark))) return [stat]
    // It may have begun to exit after the first look.
    const now = environment.length === 0 ? readProcessStat(pid) : undefined
    return now !== undefined && isEnding(now) && now.startTime === stat.startTime ? [now] : []
  })
}

/** Whether the whole process exits. A main thread that has ended is marked as exiting for good, while the others run on. */
function isEnding(stat: ProcessStat): boolean {
  return stat.isExiting && livingThread(stat) === stat.pid
}
