import { isDeepStrictEqual } from 'node:util'
import type { Task } from '@bgtask/client'
import { isBgTaskError, type TaskInfo } from '@bgtask/protocol'
import type { MetaOf } from '../meta.js'
import { matchesTask } from '../search/match.js'
import { DEFAULT_ANSWER_MS } from '../search/search.js'
import type { EventQueue } from './event-queue.js'

/** All events that can mean a change of the info. */
const CHANGE_EVENTS = ['childStart', 'childExit', 'stateChange', 'metaChange', 'terminating', 'missed'] as const

/** Minimal interval (ms) of connects to a supervisor that ends every connection (it is full, or hostile). */
const RECONNECT_MS = 1_000

/** What a watched task needs from its watch. */
export interface WatchedTaskOptions<T extends Task<object>> {
  /** A pattern or a predicate. */
  readonly pattern: object
  readonly queue: EventQueue<T>
  readonly onError: (error: unknown, pid: number) => void
  /** Its id, if that is known: of a task that has retired. */
  readonly taskId: string | undefined
  /** Its info has arrived, and with it its id and pid. If this closes it, it queues nothing. */
  readonly onInfo: (task: WatchedTask<T>, isRetired: boolean) => void
  /** It is gone; `mayBeAnother` if there may be a later one with the same pid. */
  readonly onGone: (task: WatchedTask<T>, pid: number, mayBeAnother: boolean) => void
}

/** One watched task: gets the info after each event that can mean a change, and queues what changed. */
export class WatchedTask<T extends Task<object>> {
  /** Holds the connection. */
  readonly #source: T
  /** For the consumer, with its own connection, which the end of the watch does not close. */
  readonly #task: T
  readonly #options: WatchedTaskOptions<T>
  /** The info of the last queued event; undefined if the consumer does not know of the task. */
  #told: TaskInfo<MetaOf<T>> | undefined
  #refreshing = false
  #refreshAgain = false
  /** It did not answer in time, which was reported: from now on it has no deadline. */
  #late = false
  #reconnectAt = Number.NEGATIVE_INFINITY
  #reconnecting: NodeJS.Timeout | undefined
  #closed = false

  constructor(taskAt: (pid: number) => T, pid: number, options: WatchedTaskOptions<T>) {
    this.#source = taskAt(pid)
    this.#task = taskAt(pid)
    this.#options = options
    if (options.taskId !== undefined) this.#source.bind(options.taskId)
    for (const event of CHANGE_EVENTS) this.#source.on(event, () => this.refresh())
    this.#source.on('disconnect', () => this.#reconnect())
  }

  /** The supervisor's, or the last one's. */
  get pid(): number {
    return this.#source.pid
  }

  /** Undefined until it is known. */
  get taskId(): string | undefined {
    return this.#source.taskId
  }

  /** Gets the info, and once more if an event arrives before the answer. */
  refresh(): void {
    this.#refreshAgain = true
    if (!this.#refreshing) void this.#refreshUntilQuiet()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#reconnecting)
    this.#source.removeAllListeners()
    this.#source.disconnect()
  }

  /** Most supervisors that disconnect have exited, which is checked at once; the others are checked later. */
  #reconnect(): void {
    const now = performance.now()
    const waitMs = this.#reconnectAt - now
    this.#reconnectAt = Math.max(now, this.#reconnectAt) + RECONNECT_MS
    clearTimeout(this.#reconnecting)
    if (waitMs <= 0) this.refresh()
    else this.#reconnecting = setTimeout(() => this.refresh(), waitMs)
  }

  async #refreshUntilQuiet(): Promise<void> {
    this.#refreshing = true
    while (this.#refreshAgain && !this.#closed) {
      this.#refreshAgain = false
      const info = await this.#ask()
      if (info === undefined) continue
      this.#options.onInfo(this, info.retiredAt !== null)
      try {
        this.#tell(info, await matchesTask(this.#options.pattern, info))
      } catch (error) {
        // An invalid pattern is the caller's mistake.
        this.#options.queue.fail(error)
      }
    }
    this.#refreshing = false
  }

  async #ask(): Promise<TaskInfo<MetaOf<T>> | undefined> {
    try {
      const timeoutMs = this.#late ? Number.POSITIVE_INFINITY : DEFAULT_ANSWER_MS
      const info = (await this.#source.info({ timeoutMs })) as TaskInfo<MetaOf<T>>
      this.#late = false
      return info
    } catch (error) {
      if (this.#closed) return undefined
      // The pid, and with it the socket's path, may be reused by another task.
      if (isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')) this.#gone(this.#refreshAgain || error.taskId !== undefined)
      else this.#complain(error)
      return undefined
    }
  }

  #complain(error: unknown): void {
    this.#late = isBgTaskError(error, 'ERR_BGTASK_TIMEOUT')
    this.#refreshAgain ||= this.#late
    this.#options.onError(error, this.#source.pid)
  }

  #tell(info: TaskInfo<MetaOf<T>>, matches: boolean): void {
    if (this.#closed) return
    const { queue } = this.#options
    const told = this.#told
    this.#task.cachedInfo = info
    if (this.#source.taskId !== undefined) this.#task.bind(this.#source.taskId)
    if (!matches) this.#tellGone()
    else if (told === undefined) queue.push({ type: 'appear', task: this.#task, info })
    else if (!isDeepStrictEqual(steady(told), steady(info))) queue.push({ type: 'change', task: this.#task, info })
    if (matches) this.#told = info
  }

  #tellGone(): void {
    if (this.#told !== undefined) this.#options.queue.push({ type: 'gone', task: this.#task, info: this.#told })
    this.#told = undefined
  }

  #gone(mayBeAnother: boolean): void {
    this.#tellGone()
    this.close()
    this.#options.onGone(this, this.#source.pid, mayBeAnother)
  }
}

/** The info without the keys that change with every byte and every connection. */
function steady({ streams, clientCount, ...rest }: TaskInfo<object>): unknown {
  return rest
}
