import { setTimeout as delay } from 'node:timers/promises'
import type { StopStep } from '@bgtask/protocol'
import { monotonicMs } from '../clock.js'
import { isRunning } from './identity.js'
import { signalProcess, type TaskTree, type TreeProcess } from './tree.js'

/** Intervals between polls of a tree that ends: short at first, since most trees end at once, then growing. */
const FIRST_POLL_INTERVAL_MS = 5
const MAX_POLL_INTERVAL_MS = 200

/**
 * Finding a tree reads all processes of the machine; when hundreds of tasks end at once, that would keep all of them from
 * ending. While those that are known run, a search may take one part in this many of the time.
 */
const SEARCH_SHARE = 10

/**
 * Ends a task's tree: each step signals every process in it, wakes what is stopped (a stopped process would not act on
 * the signal), and waits until the tree is empty. Processes that appear meanwhile get the step's signal too, and those that
 * are not the selector's owner's are neither signalled nor waited for.
 *
 * @returns the processes that are left after the last step.
 * @throws the signal's reason; signals sent before stay sent.
 */
export async function stopTree(
  tree: TaskTree,
  steps: readonly StopStep[],
  signal?: AbortSignal,
): Promise<TreeProcess[]> {
  let left: TreeProcess[] = []
  for (const step of steps) {
    left = await runStep(tree, step, signal)
    if (left.length === 0) break
  }
  return left
}

async function runStep(tree: TaskTree, step: StopStep, signal?: AbortSignal): Promise<TreeProcess[]> {
  const deadline = monotonicMs() + step.waitMs
  const signalled = new Set<string>()
  for (let intervalMs = FIRST_POLL_INTERVAL_MS; ; intervalMs = Math.min(intervalMs * 1.5, MAX_POLL_INTERVAL_MS)) {
    const began = monotonicMs()
    const found = tree.find()
    const searchMs = monotonicMs() - began
    const owned = found.filter((target) => tree.isOwned(target))
    if (owned.length === 0) return found
    for (const target of owned) {
      const key = `${target.pid}.${target.startTime}`
      if (signalled.has(key)) continue
      signalled.add(key)
      // The tree grows: a process that forks must not profit from long pauses.
      intervalMs = FIRST_POLL_INTERVAL_MS
      signalProcess(target, step.killSignal as NodeJS.Signals)
      signalProcess(target, 'SIGCONT')
    }
    const leftMs = deadline - monotonicMs()
    if (leftMs <= 0) return tree.find()
    await endOrTime(owned, Math.min(Math.max(intervalMs, SEARCH_SHARE * searchMs), leftMs), signal)
  }
}

/** Waits until all processes are gone or the time is up. */
async function endOrTime(tree: readonly TreeProcess[], timeMs: number, signal?: AbortSignal): Promise<void> {
  const deadline = monotonicMs() + timeMs
  do {
    const leftMs = Math.max(0, deadline - monotonicMs())
    await delay(Math.min(FIRST_POLL_INTERVAL_MS, leftMs), undefined, { signal }).catch(() => signal?.throwIfAborted())
  } while (monotonicMs() < deadline && tree.some(({ pid, startTime }) => isRunning(pid, startTime)))
}
