import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Task } from '@bgtask/client'
import type { LostTask, TaskPool } from '@bgtask/pool'
import { isBgTaskError, type RecordedInfo, type TaskInfo } from '@bgtask/protocol'
import type { ListedTask } from '../shared/messages.js'
import { RateMeter } from './rate-meter.js'

/**
 * How often (ms), while a page is connected, the server polls running tasks for their output rate and records for lost tasks:
 * no event reports that an orphan has ended.
 */
const POLL_INTERVAL_MS = 2_000

/** A killed supervisor closes its socket before it is dead; after this long (ms) it should be. */
const SUPERVISOR_EXIT_MS = 100

/** How long (ms) to wait before watching a pool again after a failure. */
const RETRY_MS = 1_000

/** Receives changes. It must keep at most one pending change per task. */
export interface TaskListReader {
  changed(task: ListedTask): void
  gone(taskId: string): void
  problem(message: string): void
}

interface Entry {
  listed: ListedTask
  /** Undefined if the supervisor no longer listens. */
  task?: Task
  readonly meter: RateMeter
}

/**
 * The tasks of a pool, shared by all pages of a console: a single watch, which runs while there are readers.
 */
export class TaskList {
  readonly #pool: TaskPool
  readonly #readers = new Set<TaskListReader>()
  readonly #entries = new Map<string, Entry>()
  #stopped: AbortController | undefined
  #filled: Promise<void> = Promise.resolve()

  constructor(pool: TaskPool) {
    this.#pool = pool
  }

  /**
   * Reports all known tasks to the reader at once, and every change until `stop` is called. When `filled` resolves, all
   * existing tasks have been reported.
   */
  read(reader: TaskListReader): { filled: Promise<void>; stop: () => void } {
    this.#readers.add(reader)
    for (const { listed } of this.#entries.values()) reader.changed(listed)
    if (this.#stopped === undefined) this.#start()
    const stop = () => {
      this.#readers.delete(reader)
      if (this.#readers.size === 0) this.#stop()
    }
    return { filled: this.#filled, stop }
  }

  #start(): void {
    this.#stopped = new AbortController()
    const { signal } = this.#stopped
    // Each running task adds a listener; above ten, Node would warn of a leak.
    setMaxListeners(0, signal)
    void this.#watch(signal)
    this.#filled = this.#fill(signal).catch((error) => this.#notifyProblem(error))
    void repeat(signal, POLL_INTERVAL_MS, async () => {
      await this.#sample(signal)
      await this.#updateLost(signal)
    })
  }

  #stop(): void {
    this.#stopped?.abort()
    this.#stopped = undefined
    for (const { task } of this.#entries.values()) task?.disconnect()
    this.#entries.clear()
  }

  /** Reads the records: unlike the watch, this is fast and reports completion. */
  async #fill(signal: AbortSignal): Promise<void> {
    for (const task of await this.#pool.search(undefined, { signal })) {
      if (task.cachedInfo !== undefined && !this.#entries.has(withTaskId(task.cachedInfo).taskId))
        this.#set(task.cachedInfo, task)
    }
    await this.#updateLost(signal)
  }

  #notifyProblem(error: unknown): void {
    for (const reader of this.#readers) reader.problem((error as Error).message)
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const { type, task, info } of this.#pool.watch(undefined, { signal })) {
          if (type === 'gone') this.#gone(withTaskId(info).taskId, signal)
          else this.#set(info, task)
        }
      } catch (error) {
        if (signal.aborted) return
        this.#notifyProblem(error)
        await pause(RETRY_MS, signal)
      }
    }
  }

  /** The supervisor is gone: it ended in order, or the task is lost and its record remains. */
  #gone(taskId: string, signal: AbortSignal): void {
    const entry = this.#entries.get(taskId)
    if (entry === undefined) return
    entry.task?.disconnect()
    entry.task = undefined
    const update = async () => {
      await this.#updateLost(signal)
      await pause(SUPERVISOR_EXIT_MS, signal)
      await this.#updateLost(signal)
    }
    update().catch((error) => this.#notifyProblem(error))
  }

  async #updateLost(signal: AbortSignal): Promise<void> {
    const lost = new Map<string, LostTask>()
    for (const task of await this.#pool.lost()) lost.set(task.taskId, task)
    if (signal.aborted) return
    for (const [taskId, { task, listed }] of this.#entries) {
      if (task !== undefined || lost.has(taskId)) continue
      const record = await this.#pool.record(listed.info.supervisorPid)
      if (record?.info.taskId !== taskId) this.#forget(taskId)
    }
    for (const { taskId, info } of lost.values()) {
      const known = this.#entries.get(taskId)
      if (known === undefined || (known.task === undefined && known.listed.info.state !== info.state)) this.#set(info)
    }
  }

  async #sample(signal: AbortSignal): Promise<void> {
    const sampled = [...this.#entries.values()].filter(({ task, listed, meter }) => task && mayWrite(listed, meter))
    await Promise.all(
      sampled.map(async ({ task, listed }) => {
        const { taskId } = listed.info
        const info = await task?.info({ timeoutMs: POLL_INTERVAL_MS, signal }).catch((error) => {
          // The watch does not report a task that was gone before the watch began.
          if (isBgTaskError(error, 'ERR_BGTASK_TASK_GONE') && !signal.aborted) this.#gone(taskId, signal)
        })
        if (info !== undefined && withTaskId(info).taskId === taskId && !signal.aborted && this.#entries.has(taskId))
          this.#set(info, task)
      }),
    )
  }

  #set(found: RecordedInfo | TaskInfo, task?: Task): void {
    const info = withTaskId(found)
    const before = this.#entries.get(info.taskId)
    const meter = before?.meter ?? new RateMeter()
    const endOffsets = endOffsetsOf(info)
    const rate = endOffsets && meter.add(endOffsets[0] + endOffsets[1], performance.now())
    const { streams, clientCount, ...recorded } = info as TaskInfo
    const listed = { info: recorded, endOffsets, rate }
    if (task !== undefined && task !== before?.task) before?.task?.disconnect()
    this.#entries.set(info.taskId, { listed, task: task ?? before?.task, meter })
    if (before !== undefined && JSON.stringify(before.listed) === JSON.stringify(listed)) return
    for (const reader of this.#readers) reader.changed(listed)
  }

  #forget(taskId: string): void {
    this.#entries.get(taskId)?.task?.disconnect()
    if (!this.#entries.delete(taskId)) return
    for (const reader of this.#readers) reader.gone(taskId)
  }
}

/** Uses the supervisor's pid as task id if a custom supervisor reports none. */
function withTaskId<T extends RecordedInfo>(info: T): T {
  return info.taskId === '' ? { ...info, taskId: String(info.supervisorPid) } : info
}

/** Whether to sample a task: a task that has ended is sampled until its rate is 0. */
function mayWrite({ info, rate }: ListedTask, meter: RateMeter): boolean {
  return info.pid !== null || !meter.hasTwo || (rate ?? 0) > 0
}

function endOffsetsOf(info: RecordedInfo | TaskInfo): readonly [number, number] | undefined {
  const streams = (info as Partial<TaskInfo>).streams
  if (streams?.[1] === undefined || streams[2] === undefined) return undefined
  return [streams[1].endOffset, streams[2].endOffset]
}

/** Repeats `work` with a pause in between until the signal aborts. Ignores failures, since the next attempt may succeed. */
async function repeat(signal: AbortSignal, everyMs: number, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await work().catch(() => {})
    await pause(everyMs, signal)
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => {})
}
