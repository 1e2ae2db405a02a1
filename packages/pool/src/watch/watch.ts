import { watch as watchDirectory } from 'node:fs'
import type { Task } from '@bgtask/client'
import { parsePoolFileName } from '@bgtask/os'
import { isBgTaskError, type OptionsOf, PoolDirError, parseOptions } from '@bgtask/protocol'
import { signalSchema } from '@bgtask/protocol/rpc'
import * as v from 'valibot'
import { listEntries } from '../directory/entries.js'
import { checkSocket } from '../directory/inspect.js'
import { type EntryReport, entryReport, onErrorSchema } from '../entry-errors.js'
import { checkPattern } from '../search/match.js'
import type { SearchView } from '../search/search.js'
import { EventQueue, type PoolEvent } from './event-queue.js'
import { WatchedTask } from './watched-task.js'

const watchOptionsSchema = v.strictObject({
  /** Ends the watch, which rejects with the signal's reason. */
  signal: v.nullish(signalSchema),
  /** Gets each entry that cannot be watched, with the reason. */
  onError: onErrorSchema,
})
export type WatchOptions = OptionsOf<typeof watchOptionsSchema>

/**
 * Yields an event when a task appears, changes or goes, first for existing tasks. Nothing is polled: the kernel reports
 * files of the directory, each supervisor its task.
 *
 * @param inspect inspects the pool's directory.
 */
export async function* watchTasks<T extends Task<object>>(
  inspect: () => SearchView<T>,
  pattern: object = {},
  options: WatchOptions = {},
): AsyncGenerator<PoolEvent<T>, void, undefined> {
  checkPattern(pattern)
  const { signal, onError } = parseOptions(watchOptionsSchema, options)
  signal?.throwIfAborted()
  const { directory } = inspect()
  const { path } = directory
  const queue = new EventQueue<T>()
  const watched = new Map<number, WatchedTask<T>>()
  const report = entryReport('watch', path, { onError })

  const refresh = (pid: number) => {
    const known = watched.get(pid)
    if (known !== undefined) return known.refresh()
    const view = inspect()
    if (!isReachable(view, pid, report)) return
    const task = new WatchedTask(view.taskAt, pid, { pattern, queue, onError: report, onGone })
    watched.set(pid, task)
    task.refresh()
  }
  const onGone = (pid: number, mayBeAnother: boolean) => {
    watched.delete(pid)
    if (mayBeAnother) orFail(() => refresh(pid))
  }
  const refreshAll = () => {
    for (const { pid, hasSocket } of listEntries(directory)) if (hasSocket) refresh(pid)
  }
  const refreshFile = (name: string | null) => {
    if (name === null) return refreshAll()
    const file = parsePoolFileName(name)
    if (file?.kind === 'socket' || file?.kind === 'record') refresh(file.pid)
    // Events of the directory itself, such as its removal, have its own name.
    else if (file === undefined) inspect()
  }
  const orFail = (work: () => void) => {
    try {
      work()
    } catch (error) {
      queue.fail(error)
    }
  }

  const fail = (cause: unknown) =>
    queue.fail(new PoolDirError(path, 'unusable', `cannot be watched: ${cause}`, { cause }))
  const watcher = openWatcher(path, (name) => orFail(() => refreshFile(name)), fail)
  try {
    refreshAll()
    for (;;) yield await queue.next(signal)
  } finally {
    watcher?.close()
    for (const task of watched.values()) task.close()
  }
}

/** The kernel may have no inotify watch left, which is reported like any other error that ends the watch. */
function openWatcher(path: string, onFile: (name: string | null) => void, onError: (error: unknown) => void) {
  try {
    return watchDirectory(path, (_, name) => onFile(name)).on('error', onError)
  } catch (error) {
    onError(error)
    return undefined
  }
}

/** Whether there is a socket to connect to; one that must not be connected to is reported. */
function isReachable(view: SearchView<Task<object>>, pid: number, report: EntryReport): boolean {
  try {
    checkSocket(view.directory, view.socketPath(pid), pid)
    return true
  } catch (error) {
    if (!isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')) report(error, pid)
    return false
  }
}
