import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from '../clock.js'
import { isRunning } from './identity.js'

/** Intervals between polls: most processes are gone at the first or second. */
const FIRST_POLL_INTERVAL_MS = 1
const MAX_POLL_INTERVAL_MS = 50

/**
 * Waits until a process that is about to end is gone; a zombie is. Its files, and so its sockets and locks, are closed a
 * moment before that, so their end does not prove it.
 *
 * @returns false if it still runs when the time is up.
 * @throws the signal's reason.
 */
export async function processGone(
  { pid, startTime, timeoutMs }: { pid: number; startTime: number; timeoutMs: number },
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = monotonicMs() + timeoutMs
  for (
    let intervalMs = FIRST_POLL_INTERVAL_MS;
    isRunning(pid, startTime);
    intervalMs = Math.min(intervalMs * 1.5, MAX_POLL_INTERVAL_MS)
  ) {
    if (monotonicMs() >= deadline) return false
    await delay(intervalMs, undefined, { signal }).catch(() => signal?.throwIfAborted())
  }
  return true
}
