import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Task } from '@bgtask/client'
import type { LostTask, TaskPool } from '@bgtask/pool'
import { isBgTaskError, type RecordedInfo, type TaskInfo } from '@bgtask/protocol'
import type { ListedTask } from '../shared/messages.js'
import { RateMeter } from './rate-meter.js'

/**
 * How often (ms), while somebody looks, running tasks are asked how much they wrote, and records are looked at for lost
 * tasks: nothing announces that an orphan has ended.
 */
const SAMPLE_MS = 2_000

/** A supervisor that was killed lets go of its socket before it is dead; so long (ms) after that it should be. */
const DYING_MS = 100

/** How soon (ms) a pool that could not be watched is tried again. */
const RETRY_MS = 1_000

/** Told of changes. It keeps what it has not yet passed on, so at most one entry a task. */
export interface TaskListReader {
  changed(task: ListedTask): void
  gone(taskId: string): void
  problem(message: string): void
}

interface Entry {
  listed: ListedTask
  /** Undefined where nothing listens any more. */
  task?: Task
  readonly meter: RateMeter
}

/**
 * The tasks of a pool as all pages of a console see them: one watch for everybody, that runs while there is a reader.
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
   * Tells the reader of what is known at once, and of every change until `stop` is called. When `filled` resolves, it has
   * been told of all that were there.
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
    // Each running task is asked with it, and Node warns of a leak above ten.
    setMaxListeners(0, signal)
    void this.#watch(signal)
    this.#filled = this.#fill(signal).catch((error) => this.#tellProblem(error))
    void repeat(signal, SAMPLE_MS, async () => {
      await this.#sample(signal)
      await this.#lookForLost(signal)
    })
  }

  #stop(): void {
    this.#stopped?.abort()
    this.#stopped = undefined
    for (const { task } of this.#entries.values()) task?.disconnect()
    this.#entries.clear()
  }

  /** By the records, which is quicker than the watch's first look, and has an end. */
  async #fill(signal: AbortSignal): Promise<void> {
    for (const task of await this.#pool.search(undefined, { signal })) {
      if (task.cachedInfo !== undefined && !this.#entries.has(withKey(task.cachedInfo).taskId))
        this.#set(task.cachedInfo, task)
    }
    await this.#lookForLost(signal)
  }

  #tellProblem(error: unknown): void {
    for (const reader of this.#readers) reader.problem((error as Error).message)
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const { type, task, info } of this.#pool.watch(undefined, { signal })) {
          if (type === 'gone') this.#gone(withKey(info).taskId, signal)
          else this.#set(info, task)
        }
      } catch (error) {
        if (signal.aborted) return
        this.#tellProblem(error)
        await pause(RETRY_MS, signal)
      }
    }
  }

  /** Either it ended in order, or it is lost: its record is still there then. */
  #gone(taskId: string, signal: AbortSignal): void {
    const entry = this.#entries.get(taskId)
    if (entry === undefined) return
    entry.task?.disconnect()
    entry.task = undefined
    const look = async () => {
      await this.#lookForLost(signal)
      await pause(DYING_MS, signal)
      await this.#lookForLost(signal)
    }
    look().catch((error) => this.#tellProblem(error))
  }

  async #lookForLost(signal: AbortSignal): Promise<void> {
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
        const info = await task?.info({ timeoutMs: SAMPLE_MS, signal }).catch((error) => {
          // The watch does not know of one that went before it began.
          if (isBgTaskError(error, 'ERR_BGTASK_TASK_GONE') && !signal.aborted) this.#gone(taskId, signal)
        })
        if (info !== undefined && withKey(info).taskId === taskId && !signal.aborted && this.#entries.has(taskId))
          this.#set(info, task)
      }),
    )
  }

  #set(found: RecordedInfo | TaskInfo, task?: Task): void {
    const info = withKey(found)
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

/** A custom supervisor may not tell the id of its task, which is then called by its pid. */
function withKey<T extends RecordedInfo>(info: T): T {
  return info.taskId === '' ? { ...info, taskId: String(info.supervisorPid) } : info
}

/** The last sample of a task that has ended brings its rate down to nothing. */
function mayWrite({ info, rate }: ListedTask, meter: RateMeter): boolean {
  return info.pid !== null || !meter.hasTwo || (rate ?? 0) > 0
}

function endOffsetsOf(info: RecordedInfo | TaskInfo): readonly [number, number] | undefined {
  const streams = (info as Partial<TaskInfo>).streams
  if (streams?.[1] === undefined || streams[2] === undefined) return undefined
  return [streams[1].endOffset, streams[2].endOffset]
}

/** Does it now and again and again, never twice at once. What goes wrong once may go well the next time. */
async function repeat(signal: AbortSignal, everyMs: number, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await work().catch(() => {})
    await pause(everyMs, signal)
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => {})
}
