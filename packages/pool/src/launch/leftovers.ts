import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { isRunning, readProcessStat, signalProcess, type TreeProcess } from '@bgtask/protocol'

/** Asked to go, a supervisor may need a moment to end the child it has just started; then it is made to. */
const STEPS = [
  { killSignal: 'SIGTERM', waitMs: 2_000 },
  { killSignal: 'SIGKILL', waitMs: 2_000 },
] as const

const LOOK_MS = 5

/**
 * Ends whatever a launch that failed left running: the processes whose environment holds one of the marks
 * (`NAME=value`), which are random and of that launch alone.
 */
export async function endLeftovers(marks: readonly string[]): Promise<void> {
  const found = new Map<number, TreeProcess>()
  // One that dies has no environment any more while it still holds its files, and with them its lock.
  const look = () => {
    for (const target of findMarked(marks)) found.set(target.pid, target)
    return [...found.values()].filter(({ pid, startTime }) => isRunning(pid, startTime))
  }
  for (const { killSignal, waitMs } of STEPS) {
    const deadline = performance.now() + waitMs
    const signalled = new Set<number>()
    for (let left = look(); left.length > 0 && performance.now() < deadline; left = look()) {
      for (const target of left) {
        if (signalled.has(target.pid)) continue
        signalled.add(target.pid)
        signalProcess(target, killSignal)
        signalProcess(target, 'SIGCONT')
      }
      await delay(LOOK_MS)
    }
  }
}

function findMarked(marks: readonly string[]): TreeProcess[] {
  return pids().flatMap((pid) => {
    // The start time first: should the pid be reused after this, the signal is not sent.
    const startTime = readProcessStat(pid)?.startTime
    if (startTime === undefined || !carriesMark(pid, marks) || !isRunning(pid, startTime)) return []
    return [{ pid, startTime }]
  })
}

function pids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    // No /proc: then a supervisor that hangs must notice by itself that nobody listens any more.
    return []
  }
}

function carriesMark(pid: number, marks: readonly string[]): boolean {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
    return marks.some((mark) => variables.includes(mark))
  } catch {
    return false
  }
}
