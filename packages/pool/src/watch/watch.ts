import { watch as watchDirectory } from 'node:fs'
import type { Task } from '@bgtask/client'
import { type OptionsOf, PoolDirError, parseOptions } from '@bgtask/protocol'
import { signalSchema } from '@bgtask/protocol/rpc'
import * as v from 'valibot'
import { entryReport, onErrorSchema } from '../entry-errors.js'
import { checkPattern } from '../search/match.js'
import type { SearchView } from '../search/search.js'
import { EventQueue, type PoolEvent } from './event-queue.js'
import { WatchedTasks } from './watched-tasks.js'

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
  const { path } = inspect().directory
  const queue = new EventQueue<T>()
  const report = entryReport('watch', path, { onError })
  const tasks = new WatchedTasks({ inspect, pattern, queue, report })
  const orFail = (work: () => void) => {
    try {
      work()
    } catch (error) {
      queue.fail(error)
    }
  }

  const fail = (cause: unknown) =>
    queue.fail(new PoolDirError(path, 'unusable', `cannot be watched: ${cause}`, { cause }))
  const watcher = openWatcher(path, (name) => orFail(() => tasks.refreshFile(name)), fail)
  try {
    tasks.refreshAll()
    for (;;) yield await queue.next(signal)
  } finally {
    watcher?.close()
    tasks.close()
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
