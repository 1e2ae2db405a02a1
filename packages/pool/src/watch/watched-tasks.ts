import type { Task } from '@bgtask/client'
import { parsePoolFileName } from '@bgtask/os'
import { isBgTaskError } from '@bgtask/protocol'
import { listEntries } from '../directory/entries.js'
import { checkSocket } from '../directory/inspect.js'
import type { EntryReport } from '../entry-errors.js'
import { retiredRecords } from '../retired/retired-info.js'
import type { SearchView } from '../search/search.js'
import type { EventQueue } from './event-queue.js'
import { WatchedTask } from './watched-task.js'

/** What the tasks of a watch need of it. */
export interface WatchedTasksOptions<T extends Task<object>> {
  /** Looks at the pool anew. @throws PoolDirError */
  readonly inspect: () => SearchView<T>
  readonly pattern: object
  readonly queue: EventQueue<T>
  readonly report: EntryReport
}

/**
 * The tasks under watch. One with a supervisor is known by its pid until its id is known; one that has retired by its id
 * alone, since its pid may be another's.
 */
export class WatchedTasks<T extends Task<object>> {
  readonly #options: WatchedTasksOptions<T>
  readonly #byPid = new Map<number, WatchedTask<T>>()
  readonly #byTask = new Map<string, WatchedTask<T>>()

  constructor(options: WatchedTasksOptions<T>) {
    this.#options = options
  }

  refreshAll(): void {
    const { directory } = this.#options.inspect()
    for (const entry of listEntries(directory)) {
      if (entry.hasSocket) this.#refreshSocket(entry.pid)
      for (const { record } of retiredRecords(directory, entry)) this.#refreshRetired(entry.pid, record.info.taskId)
    }
  }

  /** @param name of a file that has come, changed or gone; null if that is not known. */
  refreshFile(name: string | null): void {
    const file = name === null ? undefined : parsePoolFileName(name)
    if (name === null) this.refreshAll()
    else if (file?.kind === 'socket') this.#refreshSocket(file.pid)
    else if (file?.kind === 'record') this.#refreshRecord(file.pid, file.taskId)
    // The directory is told of under its own name, also when it is gone.
    else if (file === undefined) this.#options.inspect()
  }

  close(): void {
    for (const task of [...this.#byPid.values(), ...this.#byTask.values()]) task.close()
  }

  #refreshSocket(pid: number): void {
    const known = this.#byPid.get(pid)
    if (known !== undefined) {
      known.refresh()
      return
    }
    const view = this.#options.inspect()
    if (!isReachable(view, pid, this.#options.report)) return
    const task = this.#watch(view, pid)
    this.#byPid.set(pid, task)
    task.refresh()
  }

  #refreshRecord(pid: number, taskId: string): void {
    const known = this.#byTask.get(taskId)
    known?.refresh()
    if (known === undefined || known !== this.#byPid.get(pid)) this.#refreshSocket(pid)
    if (known !== undefined) return
    const { directory } = this.#options.inspect()
    const entry = { pid, taskIds: [taskId], hasSocket: false, hasLog: false, temporaries: [] }
    if (retiredRecords(directory, entry).length > 0) this.#refreshRetired(pid, taskId)
  }

  #refreshRetired(pid: number, taskId: string): void {
    if (this.#byTask.has(taskId)) return
    const task = this.#watch(this.#options.inspect(), pid, taskId)
    this.#byTask.set(taskId, task)
    task.refresh()
  }

  #watch({ taskAt }: SearchView<T>, pid: number, taskId?: string): WatchedTask<T> {
    const { pattern, queue, report } = this.#options
    return new WatchedTask(taskAt, pid, {
      taskId,
      pattern,
      queue,
      onError: report,
      onInfo: (task, isRetired) => this.#recognize(task, isRetired),
      onGone: (task, pid, mayBeAnother) => {
        this.#forget(task)
        if (mayBeAnother) this.#orFail(() => this.#refreshSocket(pid))
      },
    })
  }

  /** A task that was started again has another pid, under which it may have been taken for another task. */
  #recognize(task: WatchedTask<T>, isRetired: boolean): void {
    const { pid, taskId } = task
    const known = taskId === undefined ? undefined : this.#byTask.get(taskId)
    this.#forget(task)
    if (known !== undefined && known !== task) {
      task.close()
      known.refresh()
      return
    }
    if (taskId !== undefined) this.#byTask.set(taskId, task)
    if (!isRetired) this.#byPid.set(pid, task)
  }

  #forget(task: WatchedTask<T>): void {
    for (const [pid, known] of this.#byPid) if (known === task) this.#byPid.delete(pid)
    for (const [taskId, known] of this.#byTask) if (known === task) this.#byTask.delete(taskId)
  }

  #orFail(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#options.queue.fail(error)
    }
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
