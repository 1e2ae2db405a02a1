import { constants } from 'node:os'
import type { Task, WaitedExit } from '@bgtask/client'
import type { TaskPool } from '@bgtask/pool'
import { isBgTaskError } from '@bgtask/protocol'
import { attachTo } from '../attach/attach.js'
import { describeError, EXIT } from '../errors.js'
import { describeEnd, exitCodeOfTask, exitFacts } from '../exit-code.js'
import { print, printJson, tell } from '../output/print.js'
import { waitUntilReady } from '../ready.js'
import { removeMarked } from '../remove.js'
import type { RunOptions } from './run.js'

/** What `run` does behind the launch: tell the id, wait for a line or the end, show the output, tidy up. */
export async function follow(task: Task, pool: TaskPool, options: RunOptions): Promise<void> {
  if (options.behavior === 'foreground') return stayInForeground(task, options)
  await tellId(task, options)
  // Earlier ones that nobody waited for; there is no daemon that would have removed them when they ended.
  if (options.rm) await removeMarked(pool)
  const isReady = await becomesReady(task, options)
  const status = isReady ? await end(task, options) : undefined
  if (status !== undefined) await tellEnd(task, status, options)
  if (options.rm && status !== undefined) await task.terminateSupervisor()
  // Only now: a task that somebody still waits for must not be removed by the next `run --rm`.
  else if (options.rm) await task.applyMeta({ rm: true })
}

/** Where the output is shown on stdout, the id is a message. */
async function tellId(task: Task, { json, attach, behavior }: RunOptions): Promise<void> {
  if (json) await printJson({ id: task.pid, task: await task.info() })
  else if (attach || behavior === 'foreground') tell(`task ${task.pid}`)
  else await print(String(task.pid))
}

/** The task's end; undefined where it is not waited for, or no longer. */
async function end(task: Task, options: RunOptions): Promise<WaitedExit | undefined> {
  if (options.attach) return attachTo(task, { endsInput: true, discard: options.overflow === 'block' })
  return options.wait ? awaited(task) : undefined
}

async function becomesReady(task: Task, { ready, readyTimeout, json }: RunOptions): Promise<boolean> {
  if (ready === undefined) return true
  const status = await waitUntilReady(task, ready, { timeoutMs: readyTimeout })
  if (status === undefined) return true
  process.exitCode = exitCodeOfTask(status) || EXIT.failure
  const message = `task ${task.pid} ended (${describeEnd(status)}) before its output matched ${ready}`
  if (json) await printJson({ id: task.pid, ready: false, ...exitFacts(status) })
  else tell(`${message}: bgtask logs ${task.pid}`)
  return false
}

/** The end; undefined where Ctrl-C came first, which ends the waiting only. */
async function awaited(task: Task): Promise<WaitedExit | undefined> {
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort())
  try {
    return await task.wait({ signal: interrupted.signal })
  } catch (error) {
    if (!interrupted.signal.aborted) throw error
    tell(`no longer waiting; task ${task.pid} goes on`)
    process.exitCode = 130
    return undefined
  }
}

async function tellEnd(task: Task, status: WaitedExit, { json }: RunOptions): Promise<void> {
  process.exitCode = exitCodeOfTask(status)
  if (json) await printJson({ id: task.pid, ...exitFacts(status) })
}

/** For another supervisor (systemd, a container): the task ends with this program, and this program with the task. */
async function stayInForeground(task: Task, options: RunOptions): Promise<void> {
  const stopped = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopped.abort(name))
  const stop = () => task.terminateSupervisor().catch(ignoreGone)
  stopped.signal.addEventListener('abort', stop)
  await tellId(task, options)
  try {
    if (await becomesReady(task, options)) await tellEnd(task, await task.wait(), options)
  } catch (error) {
    // The supervisor, in the same process group, had the signal too and may have gone first.
    if (!stopped.signal.aborted) throw error
    process.exitCode = 128 + constants.signals[stopped.signal.reason as NodeJS.Signals]
  }
  await stop()
}

function ignoreGone(error: unknown): void {
  if (!isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')) tell(describeError(error).message)
}
