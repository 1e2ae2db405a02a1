import {
  isBgTaskError,
  type MethodName,
  type MethodParams,
  type MethodResult,
  type StopResult,
  soundInfo,
  TaskGoneError,
  type TaskInfo,
  type TaskRecord,
} from '@bgtask/protocol'
import type { WaitOptions } from '@bgtask/protocol/rpc'
import { debug } from './debug.js'
import { KeptOutput } from './spool/kept-output.js'
import type { TaskCalls } from './task-calls.js'
import type { TaskFiles } from './task-files.js'

type Handler<M extends MethodName> = (
  params: MethodParams<M> & object,
  options: WaitOptions,
) => Promise<MethodResult<M>> | MethodResult<M>
type Handlers = { readonly [M in MethodName]?: Handler<M> }

/** A task that has ended and whose supervisor has left: answers from its record and its files as the supervisor would. */
export class RetiredTask implements TaskCalls {
  readonly #record: TaskRecord
  readonly #files: TaskFiles
  readonly #onRestart: (pid: number) => void
  readonly #info: TaskInfo
  readonly #output: KeptOutput

  /** @param onRestart called with the pid of the task's new supervisor. */
  constructor(record: TaskRecord, files: TaskFiles, onRestart: (pid: number) => void) {
    this.#record = record
    this.#files = files
    this.#onRestart = onRestart
    const { info } = record
    const report = (problem: string) => debug(() => `record of ${info.taskId} is invalid: ${problem}`)
    this.#info = soundInfo(structuredClone(info), info.supervisorPid, report)
    const { 1: stdout, 2: stderr } = this.#info.streams
    this.#output = new KeptOutput(files, { 1: stdout.endOffset, 2: stderr.endOffset })
  }

  /** @throws TaskGoneError for a method that needs a supervisor. */
  async call<M extends MethodName>(
    method: M,
    params?: MethodParams<M>,
    options: WaitOptions = {},
  ): Promise<MethodResult<M>> {
    options.signal?.throwIfAborted()
    const read = await this.#output.answer(method, params)
    if (read !== undefined) return read
    const handle: Handler<M> | undefined = (this.#handlers as Handlers)[method]
    if (handle === undefined) throw this.#gone(`${method} needs a running supervisor`)
    return handle((params ?? {}) as MethodParams<M> & object, options)
  }

  readonly #handlers: Handlers = {
    getInfo: () => this.#getInfo(),
    waitExit: ({ run = 1 }) => this.#waitExit(run),
    stop: () => this.#stopped,
    terminate: async () => {
      await this.#files.remove(this.#record)
      return this.#stopped
    },
    restart: (_, options) => this.#restart(options),
  }

  get #stopped(): StopResult {
    return { exitStatus: this.#info.exitStatus, survivors: [] }
  }

  async #getInfo(): Promise<TaskInfo> {
    const info = structuredClone(this.#info)
    for (const streamId of [1, 2] as const) {
      // The files say what is still there, if they can be read.
      const { firstOffset } = await this.#output.bounds(streamId).catch(() => info.streams[streamId])
      info.streams[streamId].firstOffset = firstOffset
    }
    return info
  }

  #waitExit(run: number): MethodResult<'waitExit'> {
    const { run: lastRun, state, exitStatus } = this.#info
    if (run > lastRun) throw this.#gone(`run ${run} has not been started`)
    return { done: true, run: lastRun, state: state as MethodResult<'waitExit'>['state'], exitStatus }
  }

  async #restart(options: WaitOptions): Promise<MethodResult<'restart'>> {
    const run = this.#info.run + 1
    try {
      this.#onRestart(await this.#files.restart(this.#record, options))
      return { restarted: true, run }
    } catch (error) {
      // Another client has just started it.
      const isStarted = isBgTaskError(error, 'ERR_BGTASK_LOCK_HELD') && error.lockfile === this.#files.directory
      if (isStarted) return { restarted: false, run }
      throw error
    }
  }

  #gone(words: string): TaskGoneError {
    const { taskId, supervisorPid } = this.#info
    return new TaskGoneError(supervisorPid, { taskId, message: `task ${taskId} has ended and retired: ${words}` })
  }
}
