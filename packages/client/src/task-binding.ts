import {
  InvalidOptionError,
  isBgTaskError,
  isPlainObject,
  PROTOCOL_VERSION,
  recordedInfoSchema,
  TaskGoneError,
  validate,
} from '@bgtask/protocol'
import type { RpcPeer } from '@bgtask/protocol/rpc'
import { DEFAULT_TIMEOUT_MS } from './deadline.js'

const taskIdSchema = recordedInfoSchema.entries.taskId

export function isTaskId(value: unknown): value is string {
  return validate(taskIdSchema, value).invalid === undefined
}

/**
 * Which task a handle is of. Pids are given again, and with them the names of sockets: without this, a handle would act on
 * whatever task has the pid of its own by now. Shared by all connections of the handle.
 */
export class TaskBinding {
  /** The supervisor's pid, for messages. */
  readonly #pid: number
  readonly #socketPath: string
  #taskId: string | undefined

  constructor(pid: number, socketPath: string) {
    this.#pid = pid
    this.#socketPath = socketPath
  }

  /** Undefined until it is known. */
  get taskId(): string | undefined {
    return this.#taskId
  }

  /** @throws InvalidOptionError for what is no task id; TaskGoneError where the handle is of another task. */
  bind(taskId: string): void {
    const { invalid } = validate(taskIdSchema, taskId)
    if (invalid !== undefined) throw new InvalidOptionError('taskId', taskId, invalid.problem)
    this.#taskId ??= taskId
    if (this.#taskId !== taskId) throw this.replaced()
  }

  /** The connection broke: nobody listens any more, or somebody who does not listen to this client. */
  gone(cause?: unknown, message?: string): TaskGoneError {
    const pid = Number.isNaN(this.#pid) ? undefined : this.#pid
    return new TaskGoneError(pid, { path: this.#socketPath, taskId: this.#taskId, cause, message })
  }

  /** The task is not the one that answers. */
  replaced(cause?: unknown): TaskGoneError {
    return this.gone(cause, `task ${this.#taskId} is gone: ${this.#socketPath} is another task's now`)
  }

  /** Whether a supervisor's answer says that it is of another task. */
  isRefusal(error: unknown): boolean {
    if (this.#taskId === undefined || !isBgTaskError(error, 'ERR_BGTASK_REMOTE')) return false
    const { remoteCode, data } = error
    return remoteCode === 'ERR_BGTASK_TASK_GONE' && isPlainObject(data) && data.taskId === this.#taskId
  }

  /**
   * Says which task is meant, where that is known. Nobody waits for the answer: whatever is sent behind it, a supervisor of
   * another task does not carry out. One that is older or custom may not know of this, and then only its info can tell.
   *
   * @param onRefused called where it is another task's supervisor.
   */
  greet(peer: RpcPeer, onRefused: () => void): void {
    const taskId = this.#taskId
    if (taskId === undefined) return
    const hello = { protocol: PROTOCOL_VERSION, taskId }
    peer.call('hello', [hello], { timeoutMs: DEFAULT_TIMEOUT_MS }).then(
      (result) => {
        const isAnother = isPlainObject(result) && typeof result.taskId === 'string' && result.taskId !== taskId
        if (isAnother) onRefused()
      },
      (error) => {
        if (this.isRefusal(error)) onRefused()
      },
    )
  }
}
