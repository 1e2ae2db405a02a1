import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Task } from '@bgtask/client'
import { goOnWithoutReader } from '../output/print.js'
import { codeOfSignal, onStopping } from '../stopping.js'
import { becomesReady, orTell, tellEnd, tellId } from './run-follow.js'
import type { RunOptions } from './run-options.js'

/** How long (ms) the last output may take to be read. */
const SHOWING_MS = 5_000

/**
 * For another supervisor (systemd, a container): the task ends with this program, and this program with the task. The pool
 * shows what the task writes.
 *
 * @param spawn starts the task, and gives up when the signal aborts.
 */
export async function runInForeground(
  spawn: (signal: AbortSignal) => Promise<Task>,
  options: RunOptions,
): Promise<void> {
  goOnWithoutReader()
  const stopped = new AbortController()
  // Before the launch: a signal in the middle of it must not leave a task that nobody shows.
  onStopping((name) => stopped.abort(name))
  try {
    await stay(await spawn(stopped.signal), options, stopped.signal)
  } catch (error) {
    // The supervisor, in the same process group, had the signal too and may have gone first.
    if (!stopped.signal.aborted) throw error
  } finally {
    if (stopped.signal.aborted) process.exitCode = codeOfSignal(stopped.signal.reason)
  }
}

async function stay(task: Task, options: RunOptions, stopped: AbortSignal): Promise<void> {
  const stop = () => orTell(task.terminateSupervisor())
  stopped.addEventListener('abort', stop)
  try {
    stopped.throwIfAborted()
    await tellId(task, options)
    if (await becomesReady(task, options)) await tellEnd(task, await task.wait(), options)
  } finally {
    await stop()
    task.disconnect()
    await allShown()
  }
}

/** Nothing else keeps this program now: when it has no more to do, all that the supervisor wrote has been shown. */
async function allShown(): Promise<void> {
  const shown = new AbortController()
  const late = delay(SHOWING_MS, undefined, { ref: false, signal: shown.signal }).catch(() => {})
  await Promise.race([once(process, 'beforeExit'), late])
  shown.abort()
}
