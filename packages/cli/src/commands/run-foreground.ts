import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Task } from '@bgtask/client'
import { continueWithoutReader } from '../output/print.js'
import { exitCodeOfSignal, onStopSignal } from '../stopping.js'
import { becomesReady, printEnd, printId, reportFailure } from './run-follow.js'
import type { RunOptions } from './run-options.js'

/** How long (ms) to wait until the last output has been read. */
const DRAIN_TIMEOUT_MS = 5_000

/**
 * Runs a task for another supervisor (systemd, a container): the task ends with this program, and this program with the task.
 * The pool shows the task's output.
 *
 * @param spawn starts the task, and gives up when the signal aborts.
 */
export async function runInForeground(
  spawn: (signal: AbortSignal) => Promise<Task>,
  options: RunOptions,
): Promise<void> {
  continueWithoutReader()
  const stopped = new AbortController()
  // Installed before the launch: a signal during the launch must not leave a task behind.
  onStopSignal((name) => stopped.abort(name))
  try {
    await stay(await spawn(stopped.signal), options, stopped.signal)
  } catch (error) {
    // The supervisor is in the same process group, got the signal too, and may have exited first.
    if (!stopped.signal.aborted) throw error
  } finally {
    if (stopped.signal.aborted) process.exitCode = exitCodeOfSignal(stopped.signal.reason)
  }
}

async function stay(task: Task, options: RunOptions, stopped: AbortSignal): Promise<void> {
  const stop = () => reportFailure(task.terminateSupervisor())
  stopped.addEventListener('abort', stop)
  try {
    stopped.throwIfAborted()
    await printId(task, options)
    if (await becomesReady(task, options)) await printEnd(task, await task.wait(), options)
  } finally {
    await stop()
    task.disconnect()
    await outputShown()
  }
}

/** Waits until the event loop is empty: then everything the supervisor wrote has been shown. */
async function outputShown(): Promise<void> {
  const shown = new AbortController()
  const late = delay(DRAIN_TIMEOUT_MS, undefined, { ref: false, signal: shown.signal }).catch(() => {})
  await Promise.race([once(process, 'beforeExit'), late])
  shown.abort()
}
