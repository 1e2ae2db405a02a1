import type { Task, WaitedExit } from '@bgtask/client'
import type { TaskPool } from '@bgtask/pool'
import { isBgTaskError, type RecordedInfo, TimeoutError } from '@bgtask/protocol'
import { attachTo } from '../attach/attach.js'
import { describeError, EXIT } from '../errors.js'
import { describeEnd, exitCodeOfTask, exitFacts } from '../exit-code.js'
import { goOnWithoutReader, print, printJson, tell } from '../output/print.js'
import { waitUntilReady } from '../ready.js'
import { removeMarked } from '../remove.js'
import { codeOfSignal, onStopping } from '../stopping.js'
import type { RunOptions } from './run-options.js'

/** What `run` does behind the launch: tell the id, wait for a line or the end, show the output, tidy up. */
export async function follow(task: Task, pool: TaskPool, options: RunOptions): Promise<void> {
  if (!options.attach) goOnWithoutReader()
  let status: WaitedExit | undefined
  try {
    status = await interruptible(task, options, async (signal) => {
      // Whoever reads the id may interrupt us at once.
      await tellId(task, options)
      // Earlier ones that nobody waited for; there is no daemon that would have removed them when they ended.
      if (options.rm) await removeMarked(pool)
      return (await becomesReady(task, options, signal)) ? end(task, options, signal) : undefined
    })
  } finally {
    // Only now: a task that somebody still waits for must not be removed by the next `run --rm`.
    if (options.rm && status === undefined) await orTell(task.applyMeta({ rm: true }))
  }
  if (status === undefined) return
  await tellEnd(task, status, options)
  if (options.rm) await task.terminateSupervisor()
}

/** Where the output is shown on stdout, the id is a message. */
export async function tellId(task: Task, { json, attach, behavior }: RunOptions): Promise<void> {
  if (json) await printJson({ id: task.pid, task: await task.info() })
  else if (attach || behavior === 'foreground') tell(`task ${task.pid}`)
  else await print(String(task.pid))
}

/** The task's end; undefined where it is not waited for, or no longer. */
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
  if (json) await printJson({ id: task.pid, ready: false, ...exitFacts(status) })
  else tell(`${message}: bgtask logs ${task.pid}`)
  return false
}

/** Undefined where a signal came first, which ends the waiting only; Ctrl-C while attached is told of there. */
async function interruptible<T>(
  task: Task,
  { json }: RunOptions,
  wait: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const interrupted = new AbortController()
  const release = onStopping((name) => interrupted.abort(name))
  try {
    return await wait(interrupted.signal)
  } catch (error) {
    if (!interrupted.signal.aborted) throw error
    if (json) await printJson({ type: 'detached', id: task.pid })
    else tell(`no longer waiting; task ${task.pid} goes on`)
    process.exitCode = codeOfSignal(interrupted.signal.reason)
    return undefined
  } finally {
    release()
  }
}

export async function tellEnd(task: Task, status: WaitedExit, { json }: RunOptions): Promise<void> {
  process.exitCode = exitCodeOfTask(status)
  if (json) await printJson({ id: task.pid, ...exitFacts(status) })
}

/** A task that is gone needs no tidying. */
export async function orTell(work: Promise<unknown>): Promise<void> {
  await work.catch((error) => {
    if (!isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')) tell(describeError(error).message)
  })
}
