import { EventEmitter } from 'node:events'
import { basename } from 'node:path'
import { parsePoolFileName, processGone, readProcessStat } from '@bgtask/os'
import {
  InvalidOptionError,
  type JsonObject,
  type OutputStreamId,
  parseOption,
  parseOptions,
  type RecordedInfo,
  type StopResult,
  type StreamId,
  soundInfo,
  type TaskInfo,
} from '@bgtask/protocol'
import { type WaitOptions, waitOptionsSchema, withDeadline } from '@bgtask/protocol/rpc'
import { type KillSignal, killSignalSchema } from './call-options.js'
import { currentTask } from './current-task.js'
import { DEFAULT_TIMEOUT_MS } from './deadline.js'
import { debug } from './debug.js'
import { endings } from './ending.js'
import { EventSubscription } from './event-subscription.js'
import type { TaskEvents } from './events.js'
import { MergedOutput } from './output/merged-output.js'
import { TaskOutput } from './output/task-output.js'
import { isTaskId } from './task-binding.js'
import { TaskEndpoint } from './task-endpoint.js'
import { TaskExit } from './task-exit.js'
import { TaskInput } from './task-input.js'
import {
  type KillOptions,
  killOptionsSchema,
  progressSchema,
  type RestartOptions,
  restartOptionsSchema,
  type StopOptions,
  stopOptionsSchema,
  type TaskProgress,
  type WaitExitOptions,
  type WaitedExit,
  waitExitOptionsSchema,
} from './task-options.js'
import type { TaskPoolView } from './task-pool-view.js'

/** What a static method of a class returns; `Task` itself has the default meta unless the caller names another. */
type Made<T extends Task<object>> = Task<object> extends T ? Task : T

/**
 * How long (ms) a supervisor's process may take to end once it has closed its sockets. Usually it takes less than
 * a millisecond. A supervisor in another pid namespace cannot be seen: another process may have its pid here.
 */
const MAX_DYING_MS = 5_000

/**
 * How long (ms) a supervisor that has closed its connections may take to begin to exit. A process that does not may be
 * another one: one with the same pid in another pid namespace, or a later one than a supervisor that had retired.
 */
const MAX_CLOSING_MS = 500

/**
 * Controls one background task through its supervisor's socket. The constructor does no I/O: the task connects at the first
 * call, and again if the connection was lost. Once its `taskId` is known, the object belongs to that task alone: if a later
 * task has the supervisor's pid, calls reject with TaskGoneError and do nothing. A call keeps the process alive until it
 * settles; an idle task or a listener does not.
 *
 * `Meta` is the type that the caller expects of the task's meta; it is not checked.
 *
 * Every call takes `signal` (an abort rejects with its reason) and `timeoutMs` (default 10 s; no limit for `wait`).
 * Every call can reject with TaskGoneError (no supervisor listens any more), TimeoutError, PermissionError, ProtocolError,
 * UnsupportedError (a custom or older supervisor) and RemoteError (an error that the supervisor reports).
 */
export class Task<out Meta extends object = JsonObject> extends EventEmitter<TaskEvents> implements AsyncDisposable {
  readonly taskPool: TaskPoolView
  /**
   * The info last received, by `info()` or by the search that found the task. A search may have read it from the task's
   * record; then `streams` and `clientCount` are missing.
   */
  cachedInfo: RecordedInfo<Meta> | undefined
  readonly stdin: TaskInput
  readonly stdout: TaskOutput
  readonly stderr: TaskOutput
  /** Both outputs in the order in which they were read. */
  readonly output: MergedOutput
  readonly #endpoint: TaskEndpoint
  readonly #exit: TaskExit

  /** Returns the task whose supervisor listens on that socket, for tools without a pool. */
  static at<T extends Task<object>>(this: new (pool: TaskPoolView, pid: number) => T, socketPath: string): Made<T> {
    if (typeof socketPath !== 'string') throw new InvalidOptionError('socketPath', socketPath, 'must be a string')
    const file = parsePoolFileName(basename(socketPath))
    return new this({ socketPath: () => socketPath }, file?.kind === 'socket' ? file.pid : Number.NaN) as Made<T>
  }

  /** Returns the task that this process runs in, from the environment that its supervisor set; undefined outside of a task. */
  static current<T extends Task<object>>(
    this: new (
      pool: TaskPoolView,
      pid: number,
    ) => T,
    env: NodeJS.ProcessEnv = process.env,
  ): Made<T> | undefined {
    const current = currentTask(env)
    if (current === undefined) return undefined
    const { pool, pid, taskId } = current
    const task = new this(pool, pid)
    return (isTaskId(taskId) ? task.bind(taskId) : task) as Made<T>
  }

  constructor(taskPool: TaskPoolView, pid: number) {
    super()
    if (typeof taskPool?.socketPath !== 'function') {
      throw new InvalidOptionError('taskPool', taskPool, 'must have a method socketPath(pid)')
    }
    this.taskPool = taskPool
    const events = new EventSubscription(this as EventEmitter, () => this.#endpoint)
    const observer = {
      opened: () => events.subscribe(),
      notified: (name: string, [payload]: readonly unknown[]) => events.announce(name, payload),
      lost: () => this.emit('disconnect'),
    }
    const endpoint = new TaskEndpoint(taskPool, pid, observer)
    this.#endpoint = endpoint
    this.#exit = new TaskExit(endpoint)
    const place = () => endpoint.files
    this.stdin = new TaskInput(endpoint)
    this.stdout = new TaskOutput(endpoint, 1, place)
    this.stderr = new TaskOutput(endpoint, 2, place)
    this.output = new MergedOutput(endpoint, place)
  }

  /**
   * The supervisor's pid; that of the last one if the task has retired, and of the next one once it was restarted. NaN if the
   * name of the socket given to `Task.at` does not contain one.
   */
  get pid(): number {
    return this.#endpoint.pid
  }

  /** The task's id; undefined until it is known: from its spawn, a search, or the first `info()`. */
  get taskId(): string | undefined {
    return this.#endpoint.binding.taskId
  }

  /**
   * Binds this object to a task, for pools and tools that know its id: if another task has the pid by now, calls reject
   * with TaskGoneError and do nothing.
   *
   * @throws InvalidOptionError if it is not a task id; TaskGoneError if this object is bound to another task.
   */
  bind(taskId: string): this {
    this.#endpoint.binding.bind(taskId)
    return this
  }

  /** Connects now instead of at the first call. */
  async connect(options?: WaitOptions): Promise<void> {
    await this.#endpoint.open(options)
  }

  /** Closes the connection; pending calls reject. The task continues, and the next call connects again. */
  disconnect(): void {
    this.#endpoint.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disconnect()
  }

  /**
   * Requests the task's info. A key that a custom supervisor leaves out or gets wrong has an empty value: null, 0, the state
   * `unknown`. Its own keys are passed on unchecked.
   */
  async info(options?: WaitOptions): Promise<TaskInfo<Meta>> {
    const received = await this.#endpoint.call('getInfo', undefined, options)
    const report = (problem: string) => debug(() => `info of ${this.pid} is invalid: ${problem}`)
    const info = soundInfo(received, this.pid, report) as TaskInfo<object> as TaskInfo<Meta>
    this.#recognize(info)
    this.cachedInfo = info
    return info
  }

  /**
   * Changes meta by a JSON Merge Patch (RFC 7396): objects are merged, null deletes a key, anything else replaces the value.
   *
   * @returns the whole meta, once it is recorded. @throws InvalidOptionError if JSON cannot hold it, or above 64 KiB.
   */
  async applyMeta(patch: object, options?: WaitOptions): Promise<Meta> {
    const params = { patch: patch as Record<string, unknown> }
    return (await this.#endpoint.call('applyMeta', params, options)) as object as Meta
  }

  /** Reports the job's progress in `meta.progress`; the job calls it on `Task.current()`. */
  async progress(progress: TaskProgress, options?: WaitOptions): Promise<void> {
    const given = Object.entries(parseOptions(progressSchema, progress, 'progress')).filter(
      ([, value]) => value !== undefined,
    )
    const patch = { progress: Object.fromEntries(given) }
    await this.#endpoint.call('applyMeta', { patch }, options)
  }

  stream(stream: 0 | 'stdin'): TaskInput
  stream(stream: OutputStreamId | 'stdout' | 'stderr'): TaskOutput
  stream(stream: StreamId | 'stdin' | 'stdout' | 'stderr'): TaskInput | TaskOutput
  stream(stream: StreamId | 'stdin' | 'stdout' | 'stderr'): TaskInput | TaskOutput {
    const found = [this.stdin, this.stdout, this.stderr].find(({ id, name }) => id === stream || name === stream)
    if (found === undefined) throw new InvalidOptionError('stream', stream, 'must be 0, 1, 2 or stdin, stdout, stderr')
    return found
  }

  /**
   * Signals the child itself (with `cmd` that is the shell), or with `tree` all processes of the task.
   *
   * @returns false if there was nothing to signal.
   */
  async kill(killSignal: KillSignal = 'SIGTERM', options: KillOptions = {}): Promise<boolean> {
    const { tree, ...wait } = parseOptions(killOptionsSchema, options)
    const params = { killSignal: parseOption(killSignalSchema, killSignal, 'killSignal'), tree }
    const { delivered } = await this.#endpoint.call('kill', params, wait)
    return delivered
  }

  /** Pauses the task's processes (SIGSTOP). Returns false if no process runs. */
  async pause(options: WaitOptions = {}): Promise<boolean> {
    return this.kill('SIGSTOP', { ...parseOptions(waitOptionsSchema, options), tree: true })
  }

  /** Continues the task's processes (SIGCONT). Returns false if no process runs. */
  async resume(options: WaitOptions = {}): Promise<boolean> {
    return this.kill('SIGCONT', { ...parseOptions(waitOptionsSchema, options), tree: true })
  }

  /**
   * Starts the child again after it ended. With `stop`, a child that runs is stopped first.
   *
   * @returns false if the child runs: without `stop`, or because another client has started it in the meantime. Also false if
   * processes survived the stop; `info().exitStatus` then lists them.
   */
  async restart(options: RestartOptions = {}): Promise<boolean> {
    const { stop, ...wait } = parseOptions(restartOptionsSchema, options)
    return withDeadline(wait, `restarting task ${this.pid}`, async (signal) => {
      const start = async () => (await this.#endpoint.call('restart', undefined, stop ? { signal } : wait)).restarted
      if (await start()) return true
      if (!stop) return false
      const { survivors } = await this.stop({ steps: stop === true ? undefined : stop, signal })
      return survivors.length === 0 && start()
    })
  }

  /**
   * Ends all processes of the task, by the task's own stop steps unless others are given; no restart follows. The supervisor
   * stays, with the output that it keeps. Without `timeoutMs` the call may take as long as the steps do.
   */
  async stop(options: StopOptions = {}): Promise<StopResult> {
    const { steps, ...wait } = parseOptions(stopOptionsSchema, options)
    return endings.run(() => this.#endpoint.callPatiently('stop', { steps }, wait), wait.signal)
  }

  /**
   * Stops the task, then ends the supervisor, which removes its socket, log and record. Resolves when the supervisor's
   * process is gone, or is a zombie that its parent has not waited for. `wait` still resolves afterwards.
   *
   * @throws TaskGoneError if the supervisor was gone before: its child may still run (see `lost()` of the pool).
   */
  async terminateSupervisor(options: StopOptions = {}): Promise<StopResult> {
    const { steps, ...wait } = parseOptions(stopOptionsSchema, options)
    const terminate = async (signal: AbortSignal) => {
      const { pid } = this
      const startTime = readProcessStat(pid)?.startTime
      const result = await this.#exit.terminate(steps, { ...wait, signal })
      await this.#endpoint.closed({ signal, timeoutMs: DEFAULT_TIMEOUT_MS })
      if (startTime !== undefined) await supervisorGone(pid, startTime, signal)
      return result
    }
    return endings.run(() => withDeadline(wait, `terminating task ${this.pid}`, terminate), wait.signal)
  }

  /**
   * Waits for the end of run number `run` or of a later one; without `run`, for the exit after which no restart is pending.
   * Also resolves if that was before the call. Waits without a limit unless `timeoutMs` sets one.
   *
   * @throws TaskGoneError if the supervisor ends before it has reported the exit status, which is then unknown.
   */
  async wait(options: WaitExitOptions = {}): Promise<WaitedExit> {
    return this.#exit.wait(parseOptions(waitExitOptionsSchema, options), `waiting for the end of task ${this.pid}`)
  }

  /** A supervisor that does not know `hello`, or ignores its parameters, may be another task's. */
  #recognize({ taskId }: { taskId: string }): void {
    if (taskId === '') return
    try {
      this.#endpoint.binding.bind(taskId)
    } catch (error) {
      this.#endpoint.close()
      throw error
    }
  }
}

async function supervisorGone(pid: number, startTime: number, signal: AbortSignal): Promise<void> {
  const isGone = await processGone({ pid, startTime, timeoutMs: MAX_CLOSING_MS }, signal)
  if (!isGone && readProcessStat(pid)?.isExiting) await processGone({ pid, startTime, timeoutMs: MAX_DYING_MS }, signal)
}
