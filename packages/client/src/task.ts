import { EventEmitter } from 'node:events'
import { basename } from 'node:path'
import { processGone, readProcessStat } from '@bgtask/os'
import {
  InvalidOptionError,
  type JsonObject,
  type KillSignal,
  killSignalSchema,
  type OutputStreamId,
  ProtocolError,
  parseOption,
  parseOptions,
  parsePoolFileName,
  type RecordedInfo,
  type StopResult,
  type StreamId,
  soundInfo,
  type TaskInfo,
} from '@bgtask/protocol'
import { type WaitOptions, waitOptionsSchema, withDeadline } from '@bgtask/protocol/rpc'
import { Connection } from './connection.js'
import { currentTask } from './current-task.js'
import { DEFAULT_TIMEOUT_MS } from './deadline.js'
import { debug } from './debug.js'
import { endings } from './ending.js'
import { eventPayload, isTaskEvent, type TaskEvents } from './events.js'
import { PollPace, pollMs } from './long-poll.js'
import { MergedOutput } from './output/merged-output.js'
import { TaskOutput } from './output/task-output.js'
import { isTaskId, TaskBinding } from './task-binding.js'
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

/**
 * How long (ms) the process of a supervisor may take to be gone once it has closed its sockets. Usually it takes less than
 * a millisecond. A supervisor in another pid namespace cannot be seen: another process may have its pid here.
 */
const MAX_DYING_MS = 5_000

/**
 * Control of one background task, through its supervisor's socket. Making one does no I/O: it connects at the first call,
 * and anew where the connection was lost. Once its `taskId` is known it is that task's alone: where a later task has the
 * supervisor's pid, calls reject with TaskGoneError and do nothing. A call keeps the process alive until it settles, an idle task or a listener does not.
 *
 * Every call takes `signal` (an abort rejects with its reason) and `timeoutMs` (default 10 s; none for `wait`).
 * Every call can reject with TaskGoneError (nothing listens any more), TimeoutError, PermissionError, ProtocolError,
 * UnsupportedError (a custom or older supervisor) and RemoteError (what the supervisor says).
 */
export class Task extends EventEmitter<TaskEvents> implements AsyncDisposable {
  /** The supervisor's pid. NaN where `Task.at` got a socket with a name of its own. */
  readonly pid: number
  readonly taskPool: TaskPoolView
  /**
   * The info last seen: by `info()`, or by the search that found the task, which may have had it from the task's record and
   * then without `streams` and `clientCount`.
   */
  cachedInfo: RecordedInfo | undefined
  readonly stdin: TaskInput
  readonly stdout: TaskOutput
  readonly stderr: TaskOutput
  /** Both outputs in the order in which they were read. */
  readonly output: MergedOutput
  readonly #binding: TaskBinding
  readonly #connection: Connection
  #wantsEvents = false

  /** The task whose supervisor listens on that socket, for tools without a pool. */
  static at<T extends Task>(this: new (pool: TaskPoolView, pid: number) => T, socketPath: string): T {
    if (typeof socketPath !== 'string') throw new InvalidOptionError('socketPath', socketPath, 'must be a string')
    const file = parsePoolFileName(basename(socketPath))
    return new this({ socketPath: () => socketPath }, file?.kind === 'socket' ? file.pid : Number.NaN)
  }

  /** The task that this process runs in, by the environment that its supervisor gave it; undefined outside of one. */
  static current<T extends Task>(
    this: new (
      pool: TaskPoolView,
      pid: number,
    ) => T,
    env: NodeJS.ProcessEnv = process.env,
  ): T | undefined {
    const current = currentTask(env)
    if (current === undefined) return undefined
    const { pool, pid, taskId } = current
    const task = new this(pool, pid)
    return isTaskId(taskId) ? task.bind(taskId) : task
  }

  constructor(taskPool: TaskPoolView, pid: number) {
    super()
    if (typeof taskPool?.socketPath !== 'function') {
      throw new InvalidOptionError('taskPool', taskPool, 'must have a method socketPath(pid)')
    }
    this.taskPool = taskPool
    this.pid = pid
    const observer = {
      opened: () => this.#subscribe(),
      notified: (name: string, [payload]: readonly unknown[]) => this.#announce(name, payload),
      lost: () => this.emit('disconnect'),
    }
    const socketPath = taskPool.socketPath(pid)
    this.#binding = new TaskBinding(pid, socketPath)
    this.#connection = new Connection(socketPath, this.#binding, observer, taskPool.launchSocketPath?.(pid))
    this.stdin = new TaskInput(this.#connection)
    this.stdout = new TaskOutput(this.#connection, 1)
    this.stderr = new TaskOutput(this.#connection, 2)
    this.output = new MergedOutput(this.#connection)
    ;(this as EventEmitter).on('newListener', (name) => this.#listenedTo(name))
  }

  /** The task's id; undefined until it is known: from its spawn, a search, or the first `info()`. */
  get taskId(): string | undefined {
    return this.#binding.taskId
  }

  /**
   * Ties this object to a task, for pools and tools that know its id: where another task has the pid by now, calls reject
   * with TaskGoneError and do nothing.
   *
   * @throws InvalidOptionError for what is no task id; TaskGoneError where this is of another task already.
   */
  bind(taskId: string): this {
    this.#binding.bind(taskId)
    return this
  }

  /** Connects now instead of at the first call. */
  async connect(options?: WaitOptions): Promise<void> {
    await this.#connection.open(options)
  }

  /** Closes the connection; what waits on it rejects. The task goes on, and the next call connects anew. */
  disconnect(): void {
    this.#connection.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disconnect()
  }

  /**
   * Everything the supervisor tells about the task, asked afresh. Of what a custom supervisor does not tell, or tells wrongly,
   * it says the least: null, 0, what is empty, the state `unknown`. Keys of its own are passed on unchecked.
   */
  async info(options?: WaitOptions): Promise<TaskInfo> {
    const told = await this.#connection.call('getInfo', undefined, options)
    const info = soundInfo(told, this.pid, (words) => debug(() => `${this.pid} tells a wrong info: ${words}`))
    this.#recognize(info)
    this.cachedInfo = info
    return info
  }

  /**
   * Changes meta by a JSON Merge Patch (RFC 7396): objects are merged, null deletes a key, anything else replaces.
   *
   * @returns the whole meta, when it is on record. @throws InvalidOptionError for what JSON cannot hold, or above 64 KiB.
   */
  applyMeta(patch: JsonObject, options?: WaitOptions): Promise<JsonObject> {
    return this.#connection.call('applyMeta', { patch }, options)
  }

  /** Merges into `meta.progress`, for the job itself (`Task.current()`) and whoever watches it. */
  async progress(progress: TaskProgress, options?: WaitOptions): Promise<void> {
    const given = Object.entries(parseOptions(progressSchema, progress, 'progress')).filter(
      ([, value]) => value !== undefined,
    )
    await this.applyMeta({ progress: Object.fromEntries(given) }, options)
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
   * Signals the child itself (with `cmd` that is the shell), or with `tree` everything that belongs to the task.
   *
   * @returns false where there was nothing to signal.
   */
  async kill(killSignal: KillSignal = 'SIGTERM', options: KillOptions = {}): Promise<boolean> {
    const { tree, ...wait } = parseOptions(killOptionsSchema, options)
    const params = { killSignal: parseOption(killSignalSchema, killSignal, 'killSignal'), tree }
    const { delivered } = await this.#connection.call('kill', params, wait)
    return delivered
  }

  /** Stops the task's processes where they are (SIGSTOP). Returns false where nothing runs. */
  async pause(options: WaitOptions = {}): Promise<boolean> {
    return this.kill('SIGSTOP', { ...parseOptions(waitOptionsSchema, options), tree: true })
  }

  /** Lets them go on (SIGCONT). Returns false where nothing runs. */
  async resume(options: WaitOptions = {}): Promise<boolean> {
    return this.kill('SIGCONT', { ...parseOptions(waitOptionsSchema, options), tree: true })
  }

  /**
   * Starts the child again after it ended. With `stop`, a child that runs is stopped first.
   *
   * @returns false if the child runs: without `stop`, or because somebody else started it meanwhile.
   */
  async restart(options: RestartOptions = {}): Promise<boolean> {
    const { stop, ...wait } = parseOptions(restartOptionsSchema, options)
    return withDeadline(wait, `restarting task ${this.pid}`, async (signal) => {
      if (stop) await this.stop({ steps: stop === true ? undefined : stop, signal })
      const { restarted } = await this.#connection.call('restart', undefined, stop ? { signal } : wait)
      return restarted
    })
  }

  /**
   * Ends the child and everything that belongs to it, by the task's own stop steps unless others are given; no restart
   * follows. The supervisor stays, and with it what it kept. Without `timeoutMs` it may take as long as the steps do.
   */
  async stop(options: StopOptions = {}): Promise<StopResult> {
    const { steps, ...wait } = parseOptions(stopOptionsSchema, options)
    return endings.run(() => this.#connection.callPatiently('stop', { steps }, wait), wait.signal)
  }

  /**
   * As `stop`; then the supervisor ends, which takes its socket, log and record away. Resolves when its process is gone, or
   * a zombie that its parent has not waited for.
   *
   * @throws TaskGoneError where it was gone already: then nobody knows whether its child still runs (the pool can tell).
   */
  async terminateSupervisor(options: StopOptions = {}): Promise<StopResult> {
    const { steps, ...wait } = parseOptions(stopOptionsSchema, options)
    const terminate = async (signal: AbortSignal) => {
      const startTime = readProcessStat(this.pid)?.startTime
      const result = await this.#connection.callPatiently('terminate', { steps }, { ...wait, signal })
      await this.#connection.closed({ signal, timeoutMs: DEFAULT_TIMEOUT_MS })
      if (startTime !== undefined) await processGone({ pid: this.pid, startTime, timeoutMs: MAX_DYING_MS }, signal)
      return result
    }
    return endings.run(() => withDeadline(wait, `terminating task ${this.pid}`, terminate), wait.signal)
  }

  /**
   * Waits for the end of the task's work, also if it was before the call: of run number `run` or a later one, else the
   * exit after which no restart is pending. Waits without a limit unless `timeoutMs` sets one.
   *
   * @throws TaskGoneError when the supervisor goes before it told; nobody knows the status then.
   */
  async wait(options: WaitExitOptions = {}): Promise<WaitedExit> {
    const { run, ...wait } = parseOptions(waitExitOptionsSchema, options)
    const waitMs = pollMs(wait.timeoutMs)
    const pace = new PollPace('waitExit')
    return withDeadline(wait, `waiting for the end of task ${this.pid}`, async (signal) => {
      for (;;) {
        const polled = performance.now()
        const result = await this.#connection.call('waitExit', { run, waitMs }, { signal })
        if (!result.done) pace.cameBackEmpty(polled, waitMs)
        else if (result.exitStatus !== null) return { ...result.exitStatus, run: result.run }
        else throw new ProtocolError('waitExit told of an end without an exit status')
      }
    })
  }

  /** A supervisor that does not know `hello`, or ignores what it says, may be another task's. */
  #recognize({ taskId }: TaskInfo): void {
    if (taskId === '') return
    try {
      this.#binding.bind(taskId)
    } catch (error) {
      this.#connection.close()
      throw error
    }
  }

  #listenedTo(name: unknown): void {
    if (this.#wantsEvents || !isTaskEvent(name)) return
    this.#wantsEvents = true
    if (this.#connection.isOpen) this.#subscribe()
    else this.#connection.open().catch((error) => this.#failToSubscribe(error))
  }

  /** Sent at once, so that events flow when any later call has been answered. */
  #subscribe(): void {
    if (!this.#wantsEvents) return
    this.#connection.call('subscribe').catch((error) => this.#failToSubscribe(error))
  }

  /** Events are hints: without a listener for it, their failure is no reason to end a program. */
  #failToSubscribe(error: unknown): void {
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }

  #announce(name: string, received: unknown): void {
    if (!isTaskEvent(name)) return
    const payload = eventPayload(name, received)
    if (payload === undefined) debug(() => `${this.pid} sent a ${name} that is none`)
    else (this as EventEmitter).emit(name, payload)
  }
}
