import { isBgTaskError, type MethodName, type MethodParams, type MethodResult } from '@bgtask/protocol'
import type { WaitOptions } from '@bgtask/protocol/rpc'
import { RetiredTask } from './retired-task.js'
import { KeptOutput } from './spool/kept-output.js'
import { type ConnectionObserver, SupervisorConnection } from './supervisor-connection.js'
import { TaskBinding } from './task-binding.js'
import type { PatientTaskCalls } from './task-calls.js'
import type { FoundTask, TaskFiles } from './task-files.js'
import type { TaskPoolView } from './task-pool-view.js'

/** Methods that change nothing: they can be called again if it is not known whether they were carried out. */
const REPEATABLE: readonly MethodName[] = ['hello', 'getInfo', 'readStream', 'readOrder', 'waitExit', 'subscribe']

/** How often one call follows a task to its next supervisor. */
const MAX_MOVES = 8

/**
 * The way to one task: to its supervisor; if that has retired, to what it left on disk; and to the next supervisor, if the
 * task was restarted. Output that a killed supervisor has left can be read, too.
 */
export class TaskEndpoint implements PatientTaskCalls {
  readonly #pool: TaskPoolView
  readonly #observer: ConnectionObserver
  #pid: number
  #binding: TaskBinding
  #connection: SupervisorConnection
  /** It was so at the last call. */
  #isRetired = false
  #openings = 0
  #closings = 0

  constructor(pool: TaskPoolView, pid: number, observer: ConnectionObserver) {
    this.#pool = pool
    this.#pid = pid
    this.#observer = {
      ...observer,
      opened: () => {
        this.#openings += 1
        observer.opened()
      },
    }
    this.#binding = new TaskBinding(pid, pool.socketPath(pid))
    this.#connection = this.#connectionTo(pid, pool.launchSocketPath?.(pid))
  }

  /** Of the present supervisor, or of the last one. */
  get pid(): number {
    return this.#pid
  }

  get binding(): TaskBinding {
    return this.#binding
  }

  get isOpen(): boolean {
    return this.#connection.isOpen
  }

  /** What the pool's directory has of the task; undefined while it is not known which task it is. */
  get files(): TaskFiles | undefined {
    const { taskId } = this.#binding
    return taskId === undefined ? undefined : this.#pool.taskFiles?.(taskId, this.#pid)
  }

  /** Connects, unless the task has retired. */
  async open(options?: WaitOptions): Promise<void> {
    await this.#reach(
      async () => {
        await this.#connection.open(options)
      },
      async ({ supervisor }, gone) => {
        if (supervisor !== 'retired') throw gone
      },
      true,
    )
  }

  close(): void {
    this.#closings += 1
    this.#connection.close()
  }

  closed(options: WaitOptions): Promise<void> {
    return this.#connection.closed(options)
  }

  call<M extends MethodName>(method: M, params?: MethodParams<M>, options?: WaitOptions): Promise<MethodResult<M>> {
    return this.#callBy('call', method, params, options)
  }

  /** As that of the connection. */
  callPatiently<M extends MethodName>(
    method: M,
    params: MethodParams<M>,
    options: WaitOptions,
  ): Promise<MethodResult<M>> {
    return this.#callBy('callPatiently', method, params, options)
  }

  #callBy<M extends MethodName>(
    by: 'call' | 'callPatiently',
    method: M,
    params: MethodParams<M> | undefined,
    options: WaitOptions = {},
  ): Promise<MethodResult<M>> {
    return this.#reach(
      () => this.#connection[by](method, params as never, options),
      (found, gone) => this.#callFiles(found, method, params, options, gone),
      REPEATABLE.includes(method),
    )
  }

  /** Calls the supervisor, or what is left of it. */
  async #reach<T>(
    callSupervisor: () => Promise<T>,
    callFiles: (found: FoundTask, gone?: unknown) => Promise<T>,
    isRepeatable: boolean,
  ): Promise<T> {
    let left = MAX_MOVES
    let found = this.#isRetired ? this.#find() : undefined
    for (;;) {
      if (found?.supervisor === 'retired') return callFiles(found)
      const { isOpen } = this
      const [openings, closings, pid] = [this.#openings, this.#closings, this.#pid]
      try {
        return await callSupervisor()
      } catch (error) {
        if (!isBgTaskError(error, 'ERR_BGTASK_TASK_GONE') || this.#closings !== closings) throw error
        const wasSent = isOpen || this.#openings !== openings
        found = this.#find()
        if (found === undefined || left === 0) throw error
        if (found.supervisor === 'retired') continue
        if (this.#pid === pid) return callFiles(found, error)
        if (wasSent && !isRepeatable) throw error
        left -= 1
      }
    }
  }

  /** The task as its record has it; the next call goes to its supervisor, if it has another one by now. */
  #find(): FoundTask | undefined {
    const found = this.files?.find()
    this.#isRetired = found?.supervisor === 'retired'
    const pid = found?.record.info.supervisorPid
    if (found?.supervisor !== 'dead' && pid !== undefined && pid !== this.#pid) this.#moveTo(pid)
    return found
  }

  async #callFiles<M extends MethodName>(
    { record, supervisor }: FoundTask,
    method: M,
    params: MethodParams<M> | undefined,
    options: WaitOptions,
    gone: unknown,
  ): Promise<MethodResult<M>> {
    const files = this.files
    if (files === undefined || (supervisor !== 'retired' && !record.info.spool)) throw gone
    if (supervisor !== 'retired') return readAbandoned(new KeptOutput(files), method, params, gone)
    const retired = new RetiredTask(record, files, (pid) => {
      this.#isRetired = false
      this.#moveTo(pid)
    })
    return retired.call(method, params, options)
  }

  #moveTo(pid: number): void {
    const { taskId } = this.#binding
    // The launch may not be over.
    const launchSocketPath = this.files?.launchSocketPath(pid)
    this.#connection.close()
    this.#pid = pid
    this.#binding = new TaskBinding(pid, this.#pool.socketPath(pid))
    if (taskId !== undefined) this.#binding.bind(taskId)
    this.#connection = this.#connectionTo(pid, launchSocketPath)
  }

  #connectionTo(pid: number, launchSocketPath: string | undefined): SupervisorConnection {
    return new SupervisorConnection(this.#pool.socketPath(pid), this.#binding, this.#observer, launchSocketPath)
  }
}

/**
 * Reads what a supervisor that was killed has left. How the task ended is not known, so behind the last byte comes the error
 * that says so.
 */
async function readAbandoned<M extends MethodName>(
  output: KeptOutput,
  method: M,
  params: MethodParams<M> | undefined,
  gone: unknown,
): Promise<MethodResult<M>> {
  const result = await output.answer(method, params).catch(() => undefined)
  if (result === undefined || isAtEnd(result)) throw gone
  return 'eof' in result ? { ...result, eof: false } : result
}

function isAtEnd(result: object): boolean {
  if ('offset' in result && 'endOffset' in result) return result.offset === result.endOffset
  return 'chunks' in result && Array.isArray(result.chunks) && result.chunks.length === 0
}
