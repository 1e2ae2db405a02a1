import { setTimeout as delay } from 'node:timers/promises'
import { isRunning, processIdentity } from '@bgtask/protocol'

/** A supervisor whose connections have ended is no longer waited for after this (ms): its pid may be of another namespace. */
const MAX_WAIT_MS = 1_000
const LOOK_MS = 2

/**
 * Remembers the process that has that pid now.
 *
 * @returns waits for its end. A process that exits may close its sockets first: Node 24 does so up to 55 ms before it is gone.
 */
export function processEnd(pid: number): (signal: AbortSignal) => Promise<void> {
  const { startTime } = processIdentity(pid)
  return async (signal) => {
    const deadline = performance.now() + MAX_WAIT_MS
    while (startTime !== null && isRunning(pid, startTime) && performance.now() < deadline) {
      await delay(LOOK_MS, undefined, { signal })
    }
  }
}
