import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs, type TreeProcess } from '@bgtask/os'
import type { StopStep } from '@bgtask/protocol'

const POLL_INTERVAL_MS = 5

/** Signals a child and its process group, which it leads; false where none is left. */
export function signalGroup(pid: number, killSignal: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, killSignal)
  } catch {
    return false
  }
}

/** Whether any process is left in the group that a child led. */
export function hasGroup(pid: number): boolean {
  try {
    return process.kill(-pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Ends the child and its group where there is no `/proc` to find more by: a child that has not been waited for keeps its
 * pid, so the group is ours as long as `childPid` gives it.
 *
 * @returns the child, if it is still there after the last step.
 */
export async function stopGroup(
  childPid: () => number | undefined,
  steps: readonly StopStep[],
): Promise<TreeProcess[]> {
  for (const { killSignal, waitMs } of steps) {
    const pid = childPid()
    if (pid === undefined) return []
    signalGroup(pid, killSignal as NodeJS.Signals)
    signalGroup(pid, 'SIGCONT')
    for (const deadline = monotonicMs() + waitMs; childPid() === pid && monotonicMs() < deadline; ) {
      await delay(POLL_INTERVAL_MS)
    }
  }
  const pid = childPid()
  return pid === undefined ? [] : [{ pid, startTime: 0 }]
}
