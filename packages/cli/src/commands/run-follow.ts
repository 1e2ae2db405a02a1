import type { Task, WaitedExit } from '@bgtask/client'
import type { TaskPool } from '@bgtask/pool'
import { isBgTaskError, type RecordedInfo, TimeoutError } from '@bgtask/protocol'
import { attachTo } from '../attach/attach.js'
import { describeError, EXIT } from '../errors.js'
import { describeEnd, exitCodeOfTask, exitFields } from '../exit-code.js'
import { continueWithoutReader, print, printJson, printMessage } from '../output/print.js'
import { waitUntilReady } from '../ready.js'
import { removeMarked } from '../remove.js'
import { exitCodeOfSignal, onStopSignal } from '../stopping.js'
import type { RunOptions } from './run-options.js'

/** Runs the rest of `run` after the launch: print the id, wait for a match or the end, show the output, clean up. */
export async function follow(task: Task, pool: TaskPool, options: RunOptions): Promise<void> {
  if (!options.attach) continueWithoutReader()
  let status: WaitedExit | undefined
  try {
    status = await interruptible(task, options, async (signal) => {
      // The reader of the id may interrupt us at once.
      await printId(task, options)
      // Earlier `run --rm` tasks that ended without a waiting command: no daemon has removed them.
      if (options.rm) await removeMarked(pool)
      return (await becomesReady(task, options, signal)) ? end(task, options, signal) : undefined
    })
  } finally {
    // Not earlier: while we wait for the task, the next `run --rm` must not remove it.
    if (options.rm && status === undefined) await reportFailure(task.applyMeta({ rm: true }))
  }
  if (status === undefined) return
  await printEnd(task, status, options)
  if (options.rm) await task.terminateSupervisor()
}

/** Prints the id: to stderr if stdout shows the task's output. */
export async function printId(task: Task, { json, attach, behavior }: RunOptions): Promise<void> {
  if (json) await printJson({ id: task.pid, task: await task.info() })
  else if (attach || behavior === 'foreground') printMessage(`task ${task.pid}`)
  else await print(String(task.pid))
}

/** Waits for the task's end if asked to; otherwise returns undefined. */
async function end(task: Task, options: RunOptions, signal: AbortSignal): Promise<WaitedExit | undefined> {
  if (!options.attach) return options.wait ? task.wait({ signal }) : undefined
  signal.throwIfAborted()
  const target = { id: task.pid, info: task.cachedInfo as RecordedInfo, task }
  return attachTo(target, { endsInput: true, discard: options.overflow === 'block', json: options.json })
}

export async function becomesReady(
  task: Task,
  { ready, readyTimeout, json }: RunOptions,
  signal?: AbortSignal,
): Promise<boolean> {
  if (ready === undefined) return true
  const status = await waitUntilReady(task, ready, { timeoutMs: readyTimeout, signal }).catch((error) => {
    if (!isBgTaskError(error, 'ERR_BGTASK_TIMEOUT')) throw error
    throw new TimeoutError(error.timeoutMs, `waiting for ${ready} in the output of task ${task.pid}`)
  })
  if (status === undefined) return true
  process.exitCode = exitCodeOfTask(status) || EXIT.failure
  const message = `task ${task.pid} ended (${describeEnd(status)}) before its output matched ${ready}`
  if (json) await printJson({ id: task.pid, ready: false, ...exitFields(status) })
  else printMessage(`${message}; see bgtask logs ${task.pid}`)
  return false
}

/** Resolves with undefined if a signal ends the wait (the task is not affected). `attachTo` reports Ctrl-C itself. */
async function interruptible<T>(
  task: Task,
  { json }: RunOptions,
  wait: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const interrupted = new AbortController()
  const release = onStopSignal((name) => interrupted.abort(name))
  try {
    return await wait(interrupted.signal)
  } catch (error) {
    if (!interrupted.signal.aborted) throw error
    if (json) await printJson({ type: 'detached', id: task.pid })
    else printMessage(`stopped waiting; task ${task.pid} is still running`)
    process.exitCode = exitCodeOfSignal(interrupted.signal.reason)
    return undefined
  } finally {
    release()
  }
}

export async function printEnd(task: Task, status: WaitedExit, { json }: RunOptions): Promise<void> {
  process.exitCode = exitCodeOfTask(status)
  if (json) await printJson({ id: task.pid, ...exitFields(status) })
}

/** Reports a failed cleanup, unless the task is already gone. */
export async function reportFailure(work: Promise<unknown>): Promise<void> {
  await work.catch((error) => {
    if (!isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')) printMessage(describeError(error).message)
  })
}
