import { join } from 'node:path'
import { Task, type TaskFiles } from '@bgtask/client'
import { logFileName, socketFileName } from '@bgtask/os'
import { LaunchError, PlatformError, parseOption, parseOptions, type TaskRecord } from '@bgtask/protocol'
import type { WaitOptions } from '@bgtask/protocol/rpc'
import { debug } from './debug.js'
import { checkPathLength } from './directory/inspect.js'
import { latestRecord } from './directory/judged-records.js'
import { parseMkdirIfMissing } from './directory/mkdir.js'
import { OwnDirectory } from './directory/own-directory.js'
import { DirectoryTaskFiles } from './directory/task-files.js'
import { readCaller } from './launch/caller.js'
import type { ChosenSupervisor } from './launch/choice.js'
import { type Launcher, launch } from './launch/launch.js'
import { makePlan } from './launch/plan.js'
import type { SpawnOptions } from './launch/spawn-options.js'
import { parseSpawnOptions, type SpawnSettings } from './launch/spec.js'
import { Standbys } from './launch/standbys.js'
import type { LaunchWait } from './launch/supervisor-process.js'
import { SupervisorSettings } from './launch/supervisor-settings.js'
import { findLost, type LostOptions } from './lost/lost.js'
import type { LostTask } from './lost/lost-task.js'
import { type SweepOptions, sweepDirectory, sweepLaunch } from './lost/sweep.js'
import type { MetaInput, MetaOf } from './meta.js'
import { absolutePath, checkPid } from './options.js'
import { type PoolOptions, poolOptionsSchema, type SupervisorEnv, taskClassSchema } from './pool-options.js'
import { pruneRetired } from './retired/prune.js'
import type { PruneOptions } from './retired/prune-options.js'
import { parseRestart } from './retired/restart.js'
import { Retention } from './retired/retention.js'
import { removeRetired } from './retired/retired-tasks.js'
import { runToEnd } from './run/run.js'
import { type RunOptions, type RunResult, runOptionsSchema } from './run/run-options.js'
import type { TaskPattern, TaskPredicate } from './search/match.js'
import { taskById, taskByPid } from './search/one-task.js'
import { type SearchOptions, type SearchView, searchTasks } from './search/search.js'
import type { PoolEvent } from './watch/event-queue.js'
import { type WatchOptions, watchTasks } from './watch/watch.js'

/** With sessions, process groups and unix sockets as they are used here; darwin is unverified. */
const PLATFORMS: readonly string[] = ['linux', 'darwin']

/** Creates the tasks of a pool, for example of a subclass of Task. */
export type TaskClass<T extends Task<object>> = new (pool: TaskPool, pid: number) => T

export type TaskPoolOptions<T extends Task<object> = Task> = PoolOptions<TaskClass<T>>

/**
 * A group of tasks in a directory: starts tasks there and finds them. It is only a view: any process that can access the
 * directory can make one, and only its standbys end with it.
 */
export class TaskPool<T extends Task<object> = Task> {
  /** Absolute path of the directory. */
  readonly path: string
  readonly #directory: OwnDirectory
  readonly #standbys: Standbys
  readonly #supervisors: SupervisorSettings
  readonly #retention: Retention
  /** Of tasks that are spawned without these. */
  readonly #kept: Pick<SpawnSettings, 'spool' | 'lingerMs'>
  #taskClass: TaskClass<T>

  /**
   * @throws InvalidOptionError; PoolDirError if the directory is missing (and `mkdirIfMissing` is not given), is not
   * a directory, or is not safe; PathTooLongError if a socket's path would exceed 107 bytes; PlatformError.
   */
  constructor(options: TaskPoolOptions<T>) {
    if (!PLATFORMS.includes(process.platform)) throw new PlatformError('bgtask')
    const { path, access, standby, mkdirIfMissing, spool, lingerMs, retention, ...supervisors } = parseOptions(
      poolOptionsSchema,
      options,
    )
    this.path = absolutePath('path', path)
    checkPathLength(this.path)
    this.#taskClass = options.taskClass ?? (Task as unknown as TaskClass<T>)
    this.#supervisors = new SupervisorSettings(this.path, supervisors)
    this.#kept = { spool, lingerMs }
    this.#retention = new Retention(retention)
    this.#standbys = new Standbys(standby)
    this.#directory = new OwnDirectory(this.path, access, parseMkdirIfMissing(mkdirIfMissing))
    this.#refillStandbys(0)
  }

  /** The directory of the sockets: at present the same as `path`. */
  get sockdir(): string {
    return this.path
  }

  /** The log file of the supervisor with that pid: its own stdout and stderr, not the task's output. */
  outputPath(pid: number = process.pid): string {
    return join(this.path, logFileName(checkPid(pid)))
  }

  /** The socket on which the supervisor with that pid listens. */
  socketPath(pid: number = process.pid): string {
    return join(this.sockdir, socketFileName(checkPid(pid)))
  }

  /** What the directory has of a task whose supervisor has or had that pid; its handles ask for it. */
  taskFiles(taskId: string, pid: number): TaskFiles {
    const pool = {
      inspect: () => this.#directory.inspect(),
      restart: (retired: TaskRecord, options: WaitOptions) => this.#restart(retired, options),
      remove: async (retired: TaskRecord) => void (await removeRetired(this.#directory.inspect(), retired)),
    }
    return new DirectoryTaskFiles(pool, this.path, taskId, pid)
  }

  /** Creates the tasks that this pool returns from now on. */
  get taskClass(): TaskClass<T> {
    return this.#taskClass
  }

  set taskClass(taskClass: TaskClass<T>) {
    this.#taskClass = parseOption(taskClassSchema, taskClass, 'taskClass') as TaskClass<T>
  }

  /**
   * argv that starts a supervisor; docs/launch.md specifies what it must do. The default depends on the option `supervisor`.
   *
   * @throws InvalidOptionError if it was not set and the package of the default is not installed.
   */
  get supervisorCmd(): string[] {
    return [...this.#supervisors.command().argv]
  }

  set supervisorCmd(argv: readonly string[]) {
    this.#supervisors.cmd = argv
  }

  /**
   * Changes to the caller's environment for supervisors. Assigning replaces everything, the defaults included, of which
   * `BGTASK_TASKPOOL_PATH` is needed; `applySupervisorEnv` keeps them.
   */
  get supervisorEnv(): Readonly<SupervisorEnv> {
    return this.#supervisors.env
  }

  set supervisorEnv(env: Readonly<SupervisorEnv>) {
    this.#supervisors.env = env
  }

  /** Merges changes into `supervisorEnv` and returns the whole. */
  applySupervisorEnv(env: Readonly<SupervisorEnv>): Readonly<SupervisorEnv> {
    return this.#supervisors.applyEnv(env)
  }

  /**
   * Starts a task. Resolves when its supervisor listens and the program was started; if it rejects, it leaves nothing.
   * Any number can be started at once: a few launches for each CPU are under way, the others wait for their turn.
   *
   * @throws InvalidOptionError, CommandError (not found, not executable, too long, bad cwd), LockHeldError, LaunchError with
   * what the supervisor wrote, LaunchTimeoutError, PoolDirError if the directory cannot be written, the signal's reason.
   */
  async spawn(options: SpawnOptions & { readonly meta?: MetaInput<MetaOf<T>> | undefined }): Promise<T> {
    const parsed = parseSpawnOptions(options, this.#settings)
    parsed.wait.signal?.throwIfAborted()
    // A custom supervisor may have rights that the caller lacks, for example by set-gid.
    if (!this.#supervisors.isCustom) this.#directory.checkWritable()
    const task = await launch(parsed, this.#launcher)
    void this.#retention.apply(() => this.#directory.inspect())
    return task
  }

  /**
   * Runs a command to its end, as a task that survives this process. Resolves with how it ended and what it wrote; the task
   * stays until it is terminated or retires.
   *
   * @throws RunError for an exit code other than 0, a signal, a timeout or too much output, with what there is, unless
   * `reject` is false; OutputGapError if a spawn's option lets output be forgotten before it was read; what `spawn` throws.
   */
  async run(options: RunOptions & { readonly meta?: MetaInput<MetaOf<T>> | undefined }): Promise<RunResult<T>> {
    const { input, timeoutMs, maxBytes, reject, ...rest } = options
    const parsed = parseOptions(runOptionsSchema, { input, timeoutMs, maxBytes, reject })
    const spawn = { stdin: input === undefined ? 'null' : 'pipe', maxRuntimeMs: timeoutMs, ...rest } as const
    const task = await this.spawn(spawn as Parameters<this['spawn']>[0])
    return runToEnd(task, options.cmd ?? options.exec?.join(' ') ?? '', parsed, options.signal)
  }

  /** Which supervisor a spawn would start now, and why. It runs the native one once to find out whether that works. */
  async describeSupervisor(): Promise<ChosenSupervisor> {
    return this.#supervisors.describe()
  }

  /**
   * Finds tasks by a part of their info, or by a predicate over it; without either, all tasks. If the pattern has only keys
   * that records hold, no supervisor is called.
   *
   * @returns tasks in order of pid, each with the info that matched as `cachedInfo`.
   * @throws InvalidOptionError, PoolDirError, the signal's reason; errors of single entries go to `onError`.
   */
  search(pattern?: TaskPattern<MetaOf<T>> | TaskPredicate<MetaOf<T>>, options?: SearchOptions): Promise<T[]>
  /** `Custom` has the keys that only a custom supervisor reports: `search<{ region: string }>({ region: 'north' })`. */
  search<Custom extends object>(pattern: TaskPattern<MetaOf<T>, NoInfer<Custom>>, options?: SearchOptions): Promise<T[]>
  async search(pattern?: object, options?: SearchOptions): Promise<T[]> {
    return searchTasks(this.#view(), pattern, options)
  }

  /**
   * The task whose supervisor has that pid now; undefined if none listens. Pids are reused: to find a task later, store its
   * task id.
   *
   * @throws PermissionError if the socket is inaccessible or its owner not trusted, TimeoutError without an answer within
   * `timeoutMs` (default 2,000).
   */
  async taskByPid(pid: number, options: WaitOptions = {}): Promise<T | undefined> {
    return taskByPid(this.#view(), checkPid(pid), options)
  }

  /**
   * The task with that id, or the only one whose id begins with these digits (4 or more); undefined if none listens.
   *
   * @throws InvalidOptionError, AmbiguousIdError with all matching ids, TimeoutError as `taskByPid`.
   */
  async taskById(taskId: string, options: WaitOptions = {}): Promise<T | undefined> {
    return taskById(this.#view(), taskId, options)
  }

  /** The record of the supervisor with that pid if it lives, else the newest with that pid; undefined if there is none. */
  async record(pid: number): Promise<TaskRecord | undefined> {
    return latestRecord(this.#directory.inspect(), checkPid(pid))
  }

  /**
   * Tasks of this machine whose supervisor died without cleanup. Errors of records that are not valid (not a regular file,
   * untrusted, another task than their name says) go to `onError`: whether their tasks are lost is unknown.
   */
  async lost(options?: LostOptions): Promise<LostTask[]> {
    return findLost(this.#directory.inspect(), options)
  }

  /**
   * Removes what dead supervisors of this user and machine left. Returns the names of the files removed. Errors of
   * records that are not valid, whose files stay, go to `onError`.
   */
  async sweep(options?: SweepOptions): Promise<string[]> {
    return sweepDirectory(this.#directory.inspect(), options)
  }

  /**
   * Removes retired tasks of this user that are too old, too many, or keep too much output; none without options. Tasks that
   * have a supervisor, or had one that was killed, stay.
   *
   * @returns the ids of the removed tasks.
   */
  async prune(options: PruneOptions = {}): Promise<string[]> {
    return pruneRetired(this.#directory.inspect(), options)
  }

  /** Yields an event when a matching task appears, changes or goes, first for existing tasks; `break` ends it. */
  watch(
    pattern?: TaskPattern<MetaOf<T>> | TaskPredicate<MetaOf<T>>,
    options?: WatchOptions,
  ): AsyncGenerator<PoolEvent<T>, void, undefined>
  /** `Custom` as in `search`. */
  watch<Custom extends object>(
    pattern: TaskPattern<MetaOf<T>, NoInfer<Custom>>,
    options?: WatchOptions,
  ): AsyncGenerator<PoolEvent<T>, void, undefined>
  watch(pattern?: object, options?: WatchOptions): AsyncGenerator<PoolEvent<T>, void, undefined> {
    return watchTasks(() => this.#view(), pattern, options)
  }

  /** Ends the standbys. Tasks continue. */
  async close(): Promise<void> {
    await this.#standbys.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #view(): SearchView<T> {
    return {
      directory: this.#directory.inspect(),
      taskAt: (pid) => this.#taskAt(pid),
      socketPath: (pid) => this.socketPath(pid),
    }
  }

  /** A task uses only the paths of its pool, so the type of the pool's tasks does not matter. */
  #taskAt(pid: number): T {
    return new this.taskClass(this as TaskPool<Task<object>> as TaskPool, pid)
  }

  get #settings(): SpawnSettings {
    const { path, access } = this.#directory
    const supervisors = this.#supervisors
    return { path, access, ...this.#kept, supervisorEnv: supervisors.env, command: () => supervisors.command() }
  }

  get #launcher(): Launcher<T> {
    return {
      standbys: this.#standbys,
      choice: this.#supervisors.choice,
      reach: (found, wait) => this.#reach(found, wait),
      sweep: (taskId) => this.#sweepLaunch(taskId),
      refill: () => this.#refillStandbys(),
    }
  }

  /** Starts a supervisor for a retired task. */
  async #restart(retired: TaskRecord, options: WaitOptions): Promise<number> {
    const parsed = parseRestart(this.#directory.inspect(), retired, options, this.#settings)
    if (!this.#supervisors.isCustom) this.#directory.checkWritable()
    const task = await launch(parsed, this.#launcher)
    task.disconnect()
    return task.pid
  }

  /** Connects. Later calls use the same connection. */
  async #reach({ pid, taskId, supervisor }: Parameters<Launcher<T>['reach']>[0], wait: LaunchWait): Promise<T> {
    const task = this.#taskAt(pid).bind(taskId)
    try {
      await task.connect(wait)
      return task
    } catch (cause) {
      if (wait.signal?.aborted) throw cause
      const message = `supervisor ${supervisor} says that it is ready (DAEMON_PID=${pid}), but ${this.socketPath(pid)} cannot be reached: ${cause}`
      throw new LaunchError(`DAEMON_PID=${pid}`, { supervisor, cause, message })
    }
  }

  /** A supervisor that was killed could not remove its files. */
  async #sweepLaunch(taskId: string): Promise<void> {
    try {
      await sweepLaunch(this.#directory.inspect(), taskId)
    } catch (error) {
      debug(() => `the sweep after a failed launch failed: ${error}`)
    }
  }

  #refillStandbys(afterMs?: number): void {
    this.#standbys.refill(() => makePlan('daemon', this.#settings, readCaller()), afterMs)
  }
}
