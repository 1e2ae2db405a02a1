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
 * Binds a handle to one task. Pids are reused, and with them the names of sockets: without this, a handle could act on a
 * later task with the same pid. Shared by all connections of the handle.
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

  /** @throws InvalidOptionError for a malformed task id; TaskGoneError if the handle is bound to another task. */
  bind(taskId: string): void {
    const { invalid } = validate(taskIdSchema, taskId)
    if (invalid !== undefined) throw new InvalidOptionError('taskId', taskId, invalid.problem)
    this.#taskId ??= taskId
    if (this.#taskId !== taskId) throw this.replaced()
  }

  /** The error of a broken connection: no supervisor listens, or it has disconnected this client. */
  gone(cause?: unknown, message?: string): TaskGoneError {
    const pid = Number.isNaN(this.#pid) ? undefined : this.#pid
    return new TaskGoneError(pid, { path: this.#socketPath, taskId: this.#taskId, cause, message })
  }

  /** The error of a supervisor that answers for another task. */
  replaced(cause?: unknown): TaskGoneError {
    return this.gone(cause, `task ${this.#taskId} is gone: ${this.#socketPath} is another task's now`)
  }

  /** Whether an answer means that the supervisor has another task. */
  isRefusal(error: unknown): boolean {
    if (this.#taskId === undefined || !isBgTaskError(error, 'ERR_BGTASK_REMOTE')) return false
    const { remoteCode, data } = error
    return remoteCode === 'ERR_BGTASK_TASK_GONE' && isPlainObject(data) && data.taskId === this.#taskId
  }

  /**
   * Names the task to the supervisor, if its id is known. The answer is not awaited: a supervisor of another task refuses
   * all later requests. An older or custom one may lack this method; then only its info names its task.
   *
   * @param onRefused called if the supervisor has another task.
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
