import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { Task } from '@bgtask/client'
import { POOL_PATH_VARIABLE } from '@bgtask/os'
import {
  type Access,
  InvalidOptionError,
  LaunchError,
  logFileName,
  PlatformError,
  PoolDirError,
  parseOption,
  parseOptions,
  socketFileName,
  type TaskRecord,
} from '@bgtask/protocol'
import type { WaitOptions } from '@bgtask/protocol/rpc'
import { debug } from './debug.js'
import { checkPathLength, inspectDirectory, type PoolDirectory } from './directory/inspect.js'
import { latestRecord } from './directory/judged-records.js'
import { checkAsAsked, type MkdirOptions, makePoolDirectory, parseMkdirIfMissing } from './directory/mkdir.js'
import { defaultSupervisorCmd } from './launch/default-command.js'
import { launches } from './launch/queue.js'
import type { SpawnOptions } from './launch/spawn-options.js'
import { encodeSpec, parseSpawnOptions } from './launch/spec.js'
import { Standbys } from './launch/standbys.js'
import { startAnother } from './launch/start-another.js'
import { type SupervisorPlan, SupervisorProcess } from './launch/supervisor-process.js'
import { findLost, type LostOptions } from './lost/lost.js'
import type { LostTask } from './lost/lost-task.js'
import { type SweepOptions, sweepDirectory, sweepLaunch } from './lost/sweep.js'
import type { MetaInput, MetaOf } from './meta.js'
import { absolutePath, argvSchema, checkPid, environmentChangesSchema } from './options.js'
import {
  defaultSupervisorEnv,
  type PoolOptions,
  poolOptionsSchema,
  type SupervisorEnv,
  taskClassSchema,
} from './pool-options.js'
import type { TaskPattern, TaskPredicate } from './search/match.js'
import { taskById, taskByPid } from './search/one-task.js'
import { type SearchOptions, type SearchView, searchTasks } from './search/search.js'
import type { PoolEvent } from './watch/event-queue.js'
import { type WatchOptions, watchTasks } from './watch/watch.js'

/** With sessions, process groups and unix sockets as they are used here; darwin is unverified. */
const PLATFORMS: readonly string[] = ['linux', 'darwin']

/** What makes the tasks of a pool: a subclass of Task, say. */
export type TaskClass<T extends Task<object>> = new (pool: TaskPool, pid: number) => T

export type TaskPoolOptions<T extends Task<object> = Task> = PoolOptions<TaskClass<T>>

/**
 * A group of tasks, organized by a directory: starts tasks there, and finds those that are there. It is no more than a view:
 * any process that can reach the directory can make one, and nothing ends with it but its standbys.
 */
export class TaskPool<T extends Task<object> = Task> {
  /** Absolute path of the directory. */
  readonly path: string
  readonly #access: Access
  readonly #mkdir: MkdirOptions | undefined
  readonly #standbys: Standbys
  #supervisorCmd: readonly string[] | undefined
  #supervisorEnv: SupervisorEnv
  #taskClass: TaskClass<T>

  /**
   * @throws InvalidOptionError; PoolDirError where the directory is missing (and `mkdirIfMissing` is not given), is no
   * directory, or could be tampered with; PathTooLongError where a socket's path would exceed 107 bytes; PlatformError.
   */
  constructor(options: TaskPoolOptions<T>) {
    if (!PLATFORMS.includes(process.platform)) throw new PlatformError('bgtask')
    const { path, access, supervisorCmd, supervisorEnv, standby, mkdirIfMissing } = parseOptions(
      poolOptionsSchema,
      options,
    )
    this.path = absolutePath('path', path)
    checkPathLength(this.path)
    this.#taskClass = options.taskClass ?? (Task as unknown as TaskClass<T>)
    this.#access = access
    this.#supervisorCmd = supervisorCmd
    this.#supervisorEnv = { ...defaultSupervisorEnv(this.path), ...supervisorEnv }
    this.#standbys = new Standbys(standby)
    this.#mkdir = parseMkdirIfMissing(mkdirIfMissing)
    this.#openDirectory()
    this.#refillStandbys(0)
  }

  /** Where the sockets are: the same as `path` today. */
  get sockdir(): string {
    return this.path
  }

  /** The file that takes the stdout and stderr of the supervisor with that pid: its own words, not the task's output. */
  outputPath(pid: number = process.pid): string {
    return join(this.path, logFileName(checkPid(pid)))
  }

  /** The socket on which the supervisor with that pid listens. */
  socketPath(pid: number = process.pid): string {
    return join(this.sockdir, socketFileName(checkPid(pid)))
  }

  /** Makes the tasks that this pool gives from now on. */
  get taskClass(): TaskClass<T> {
    return this.#taskClass
  }

  set taskClass(taskClass: TaskClass<T>) {
    this.#taskClass = parseOption(taskClassSchema, taskClass, 'taskClass') as TaskClass<T>
  }

  /**
   * argv that starts a supervisor; what it must do is in docs/launch.md.
   *
   * @throws InvalidOptionError where it was never set and the package of the default is not installed.
   */
  get supervisorCmd(): string[] {
    return [...(this.#supervisorCmd ?? defaultSupervisorCmd())]
  }

  set supervisorCmd(argv: readonly string[]) {
    this.#supervisorCmd = [...parseOption(argvSchema, argv, 'supervisorCmd')]
  }

  /**
   * Changes to the caller's environment for supervisors. Assigning replaces everything, the defaults included, of which
   * `BGTASK_TASKPOOL_PATH` is needed; `applySupervisorEnv` keeps them.
   */
  get supervisorEnv(): SupervisorEnv {
    return this.#supervisorEnv
  }

  set supervisorEnv(env: Readonly<SupervisorEnv>) {
    parseOption(environmentChangesSchema, env, 'supervisorEnv')
    this.#supervisorEnv = { ...env }
  }

  /** Merges changes into `supervisorEnv` and returns the whole. */
  applySupervisorEnv(env: Readonly<SupervisorEnv>): SupervisorEnv {
    parseOption(environmentChangesSchema, env, 'supervisorEnv')
    // Object.assign would lose a variable `__proto__`.
    this.#supervisorEnv = { ...this.#supervisorEnv, ...env }
    return this.#supervisorEnv
  }

  /**
   * Starts a task. Resolves when its supervisor listens and the program was started; where it rejects, nothing is left.
   * Any number can be started at once: a few launches for each CPU are under way, the others wait for their turn.
   *
   * @throws InvalidOptionError, CommandError (not found, not executable, too long, bad cwd), LockHeldError, LaunchError with
   * the supervisor's words, LaunchTimeoutError, PoolDirError where the directory cannot be written, the signal's reason.
   */
  async spawn(options: SpawnOptions & { readonly meta?: MetaInput<MetaOf<T>> | undefined }): Promise<T> {
    const { spec, launchTimeoutMs, signal } = parseSpawnOptions(options, { path: this.path, access: this.#access })
    signal?.throwIfAborted()
    this.#checkWritable()
    const plan = this.#plan(spec.behavior)
    // Before anything is started: it throws where the spec is too large.
    const launch = { spec: encodeSpec(spec), taskId: spec.taskId }
    const start = (supervisor: SupervisorProcess) =>
      supervisor.launch(launch, { timeoutMs: launchTimeoutMs, signal }, (pid) =>
        this.#reach(pid, spec.taskId, supervisor.name, { timeoutMs: launchTimeoutMs, signal }),
      )
    return launches.run(async () => {
      const standby = await this.#standbys.take(plan)
      try {
        return await startAnother(standby, () => new SupervisorProcess(plan), start)
      } catch (error) {
        await this.#sweepLaunch(spec.taskId)
        throw error
      } finally {
        this.#refillStandbys()
      }
    }, signal)
  }

  /**
   * Finds tasks by a partial of their info, or by a predicate over it; all of them where neither is given. Where the pattern
   * names only what records hold, no supervisor is asked.
   *
   * @returns tasks in order of pid, each with the info that matched as `cachedInfo`.
   * @throws InvalidOptionError, PoolDirError, the signal's reason; what is wrong with single entries goes to `onError`.
   */
  search(pattern?: TaskPattern<MetaOf<T>> | TaskPredicate<MetaOf<T>>, options?: SearchOptions): Promise<T[]>
  /** `Custom` has the keys that only a custom supervisor reports: `search<{ region: string }>({ region: 'north' })`. */
  search<Custom extends object>(pattern: TaskPattern<MetaOf<T>, NoInfer<Custom>>, options?: SearchOptions): Promise<T[]>
  async search(pattern?: object, options?: SearchOptions): Promise<T[]> {
    return searchTasks(this.#view(), pattern, options)
  }

  /**
   * The task whose supervisor has that pid now; undefined where none listens. Pids are given again: what was noted for later
   * is better a task's id.
   *
   * @throws PermissionError where the socket may not be reached or is somebody else's, TimeoutError where it does not answer
   * within `timeoutMs` (2,000 unless given).
   */
  async taskByPid(pid: number, options: WaitOptions = {}): Promise<T | undefined> {
    return taskByPid(this.#view(), checkPid(pid), options)
  }

  /**
   * The task with that id, or the only one whose id begins with what is given (4 digits or more); undefined where none listens.
   *
   * @throws InvalidOptionError, AmbiguousIdError with the ids of all that begin so, TimeoutError as `taskByPid`.
   */
  async taskById(taskId: string, options: WaitOptions = {}): Promise<T | undefined> {
    return taskById(this.#view(), taskId, options)
  }

  /** The record of the supervisor with that pid if it lives, else the newest of those that had it; undefined where there is none. */
  async record(pid: number): Promise<TaskRecord | undefined> {
    return latestRecord(this.#directory(), checkPid(pid))
  }

  /**
   * Tasks of this machine whose supervisor died without ending in order. Records that cannot be believed (not a regular file,
   * not trusted, not what their name says) go to `onError`: whether their tasks are lost, nobody knows.
   */
  async lost(options?: LostOptions): Promise<LostTask[]> {
    return findLost(this.#directory(), options)
  }

  /**
   * Removes what dead supervisors of this user and machine left. Returns the names of the files removed. What stays because of
   * a record that cannot be believed goes to `onError`.
   */
  async sweep(options?: SweepOptions): Promise<string[]> {
    return sweepDirectory(this.#directory(), options)
  }

  /** Tells of tasks that match as they appear, change and go, those that are there already first; ends with `break`. */
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

  /** Lets the standbys go. Tasks are not touched. */
  async close(): Promise<void> {
    await this.#standbys.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #view(): SearchView<T> {
    return {
      directory: this.#directory(),
      taskAt: (pid) => this.#taskAt(pid),
      socketPath: (pid) => this.socketPath(pid),
    }
  }

  /** A task uses only the paths of its pool, whatever the type of the pool's tasks is. */
  #taskAt(pid: number): T {
    return new this.taskClass(this as TaskPool<Task<object>> as TaskPool, pid)
  }

  #directory(): PoolDirectory {
    const directory = inspectDirectory(this.path, this.#access)
    if (directory === undefined) throw new PoolDirError(this.path, 'missing')
    if (this.#mkdir !== undefined) checkAsAsked(this.path, this.#mkdir, this.#access)
    return directory
  }

  #openDirectory(): void {
    if (inspectDirectory(this.path, this.#access) === undefined) {
      if (this.#mkdir === undefined)
        throw new PoolDirError(this.path, 'missing', 'does not exist (the option mkdirIfMissing creates it)')
      makePoolDirectory(this.path, this.#mkdir)
    }
    this.#directory()
  }

  /** A supervisor that is brought along may have rights that the caller lacks, by set-gid for instance. */
  #checkWritable(): void {
    const { path } = this.#directory()
    if (this.#supervisorCmd !== undefined) return
    try {
      accessSync(path, constants.W_OK | constants.X_OK)
    } catch (cause) {
      throw new PoolDirError(path, 'unusable', 'cannot be written', { cause })
    }
  }

  #plan(behavior: SupervisorPlan['behavior']): SupervisorPlan {
    const env = this.#supervisorEnv
    parseOption(environmentChangesSchema, env, 'supervisorEnv')
    if (env[POOL_PATH_VARIABLE] === undefined) {
      const rule = 'must be set, supervisors need it (applySupervisorEnv keeps the defaults)'
      throw new InvalidOptionError(`supervisorEnv.${POOL_PATH_VARIABLE}`, undefined, rule)
    }
    return { cmd: this.supervisorCmd, env: { ...env }, behavior }
  }

  /** Connects, once for this check and for the calls to come. */
  async #reach(pid: number, taskId: string, supervisor: string, options: WaitOptions): Promise<T> {
    const task = this.#taskAt(pid).bind(taskId)
    try {
      await task.connect(options)
      return task
    } catch (cause) {
      if (options.signal?.aborted) throw cause
      const message = `supervisor ${supervisor} says that it is ready (DAEMON_PID=${pid}), but ${this.socketPath(pid)} cannot be reached: ${cause}`
      throw new LaunchError(`DAEMON_PID=${pid}`, { supervisor, cause, message })
    }
  }

  /** A supervisor that was killed could not undo what it had made. */
  async #sweepLaunch(taskId: string): Promise<void> {
    try {
      await sweepLaunch(this.#directory(), taskId)
    } catch (error) {
      debug(() => `nothing swept after a launch that failed: ${error}`)
    }
  }

  #refillStandbys(afterMs?: number): void {
    this.#standbys.refill(() => this.#plan('daemon'), afterMs)
  }
}
