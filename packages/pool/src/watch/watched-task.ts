import { isDeepStrictEqual } from 'node:util'
import type { Task } from '@bgtask/client'
import { isBgTaskError, type TaskInfo } from '@bgtask/protocol'
import type { MetaOf } from '../meta.js'
import { matchesTask } from '../search/match.js'
import { DEFAULT_ANSWER_MS } from '../search/search.js'
import type { EventQueue } from './event-queue.js'

/** All that may come with a change of the info. */
const HINTS = ['childStart', 'childExit', 'stateChange', 'metaChange', 'terminating', 'missed'] as const

/** A supervisor that ends every connection (it is full, or hostile) is not asked more often than once in so long. */
const RECONNECT_MS = 1_000

/** What a watched task needs of its watch. */
export interface WatchedTaskOptions<T> {
  /** A pattern or a predicate. */
  readonly pattern: object
  readonly queue: EventQueue<T>
  readonly onError: (error: unknown, pid: number) => void
  /** It is gone; `mayBeAnother` where something hints at a later one with the same pid. */
  readonly onGone: (pid: number, mayBeAnother: boolean) => void
}

/** One supervisor under watch: looks at the info whenever something hints at a change, and tells the queue what changed. */
export class WatchedTask<T extends Task<object>> {
  /** Holds the connection. */
  readonly #source: T
  /** Handed out, with a connection of its own, so that the end of the watch ends nothing of the consumer's. */
  readonly #task: T
  readonly #options: WatchedTaskOptions<T>
  /** As it was told last; undefined while the consumer does not know of the task. */
  #told: TaskInfo<MetaOf<T>> | undefined
  #looking = false
  #lookAgain = false
  /** It did not answer in time, which was told: now it may take as long as it likes. */
  #late = false
  #reconnectAt = Number.NEGATIVE_INFINITY
  #reconnecting: NodeJS.Timeout | undefined
  #closed = false

  constructor(taskAt: (pid: number) => T, pid: number, options: WatchedTaskOptions<T>) {
    this.#source = taskAt(pid)
    this.#task = taskAt(pid)
    this.#options = options
    for (const hint of HINTS) this.#source.on(hint, () => this.look())
    this.#source.on('disconnect', () => this.#reconnect())
  }

  /** Asks for the info, once more where a hint comes while the answer is on its way. */
  look(): void {
    this.#lookAgain = true
    if (!this.#looking) void this.#lookUntilQuiet()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#reconnecting)
    this.#source.removeAllListeners()
    this.#source.disconnect()
  }

  /** Most who disconnect are gone, which is looked at at once; the others are given time. */
  #reconnect(): void {
    const now = performance.now()
    const waitMs = this.#reconnectAt - now
    this.#reconnectAt = Math.max(now, this.#reconnectAt) + RECONNECT_MS
    clearTimeout(this.#reconnecting)
    if (waitMs <= 0) this.look()
    else this.#reconnecting = setTimeout(() => this.look(), waitMs)
  }

  async #lookUntilQuiet(): Promise<void> {
    this.#looking = true
    while (this.#lookAgain && !this.#closed) {
      this.#lookAgain = false
      const info = await this.#ask()
      if (info === undefined) continue
      try {
        this.#tell(info, await matchesTask(this.#options.pattern, info))
      } catch (error) {
        // A pattern that cannot be used is the caller's mistake.
        this.#options.queue.fail(error)
      }
    }
    this.#looking = false
  }

  async #ask(): Promise<TaskInfo<MetaOf<T>> | undefined> {
    try {
      const timeoutMs = this.#late ? Number.POSITIVE_INFINITY : DEFAULT_ANSWER_MS
      const info = (await this.#source.info({ timeoutMs })) as TaskInfo<MetaOf<T>>
      this.#late = false
      return info
    } catch (error) {
      if (this.#closed) return undefined
      // A pid, and with it the socket's path, may be another task's by now.
      if (isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')) this.#gone(this.#lookAgain || error.taskId !== undefined)
      else this.#complain(error)
      return undefined
    }
  }

  #complain(error: unknown): void {
    this.#late = isBgTaskError(error, 'ERR_BGTASK_TIMEOUT')
    this.#lookAgain ||= this.#late
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
    this.#options.onGone(this.#source.pid, mayBeAnother)
  }
}

/** The info without what changes with every byte and every connection. */
function steady({ streams, clientCount, ...rest }: TaskInfo<object>): unknown {
  return rest
}
