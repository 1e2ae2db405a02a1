import { randomBytes } from 'node:crypto'
import { COOKIE_VARIABLE, LAUNCH_VARIABLE } from '@bgtask/os'
import { isBgTaskError, LaunchError, LaunchTimeoutError } from '@bgtask/protocol'
import { armDeadline } from '@bgtask/protocol/rpc'
import { debug } from '../debug.js'
import { commandLine } from './command.js'
import { endLeftovers } from './leftovers.js'
import type { SupervisorPlan } from './plan.js'
import { LaunchReport } from './report.js'
import type { Ending, Start, StartedSupervisor } from './start/started-supervisor.js'

/** How long a launch may take (ms), and what gives it up before. */
export interface LaunchWait {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** A supervisor that was started and waits for its spec on stdin. */
export class SupervisorProcess {
  /** Its command line, cut for people. */
  readonly name: string
  readonly #launchId = randomBytes(16).toString('hex')
  readonly #report = new LaunchReport()
  readonly #started: StartedSupervisor
  #ending: Ending | undefined
  #onChange: () => void = () => {}

  /** @throws LaunchError if not even a process can be made. */
  constructor(plan: SupervisorPlan, start: Start, extraEnv: Readonly<Record<string, string>> = {}) {
    const { command, behavior, caller } = plan
    this.name = commandLine(command.argv)
    debug(() => `launch ${this.#launchId}: ${behavior} ${JSON.stringify(command.argv)}`)
    const env = { ...plan.env, ...extraEnv, [LAUNCH_VARIABLE]: this.#launchId }
    this.#started = start(
      { argv: command.argv, env, umask: caller.umask, behavior },
      { onStderr: (chunk) => this.#read(chunk), onEnd: (ending) => this.#end(ending) },
    )
  }

  /** Whether it can no longer be given a spec: it ended, or believes that it is ready. */
  get isSpent(): boolean {
    return this.#ending !== undefined || this.#report.pid !== undefined
  }

  /** Whether its end is no failure of its own, so that another one can be given the spec. */
  get mayBeRepeated(): boolean {
    return this.#ending?.mayRepeat ?? false
  }

  /** Whether it keeps the program alive. */
  setRef(ref: boolean): void {
    this.#started.setRef(ref)
  }

  /**
   * Gives it the spec, waits until it is ready, and lets `reach` find out whether that is true.
   *
   * @throws LaunchError with what it wrote, the error that it named, LaunchTimeoutError, the signal's reason, or what `reach`
   * throws. Then nothing of it is left.
   */
  async launch<R>(
    { spec, taskId }: { spec: Buffer; taskId: string },
    wait: LaunchWait,
    reach: (pid: number, supervisor: string) => Promise<R>,
  ): Promise<R> {
    try {
      debug(() => `launch ${this.#launchId}: task ${taskId}, ${spec.length} bytes of spec`)
      this.#started.give(spec)
      await this.#readyOrEnded(wait)
      if (this.#report.pid === undefined) throw this.#failure()
      const reached = await reach(this.#report.pid, this.name)
      this.#started.release(this.#report.stderrBesideReady)
      debug(() => `launch ${this.#launchId}: supervisor ${this.#report.pid} is ready`)
      return reached
    } catch (error) {
      debug(() => `launch ${this.#launchId} failed: ${error}`)
      // One that was refused the lock has started nothing: what has the task's cookie is another supervisor's.
      await this.abandon(isBgTaskError(error, 'ERR_BGTASK_LOCK_HELD') ? undefined : taskId)
      throw error
    }
  }

  /** Gives it up; a supervisor without a spec ends by itself when stdin does. Resolves when nothing of it is left. */
  async abandon(taskId?: string): Promise<void> {
    this.#started.close()
    const marks = [`${LAUNCH_VARIABLE}=${this.#launchId}`]
    if (taskId !== undefined) marks.push(`${COOKIE_VARIABLE}=${taskId}`)
    await endLeftovers({ marks, since: this.#started.since })
    // Another process that still holds its stdout must not keep this program.
    await this.#started.shown()
  }

  #read(chunk: Buffer): boolean {
    this.#report.push(chunk)
    if (this.#report.pid === undefined) return true
    this.#onChange()
    return false
  }

  #end(ending: Ending): void {
    this.#report.end()
    this.#ending = ending
    this.#onChange()
  }

  /** Resolves when it is ready or has ended. */
  #readyOrEnded(wait: LaunchWait): Promise<void> {
    return new Promise((resolve, reject) => {
      const disarm = armDeadline(wait, 'launch', (reason) => {
        // What has arrived while this process was busy is read before the supervisor is given up.
        setImmediate(() => {
          this.#onChange = () => {}
          if (this.isSpent && !wait.signal?.aborted) resolve()
          else reject(isBgTaskError(reason, 'ERR_BGTASK_TIMEOUT') ? this.#timeout(wait.timeoutMs) : reason)
        })
      })
      this.#onChange = () => {
        if (!this.isSpent) return
        this.#onChange = () => {}
        disarm()
        resolve()
      }
      this.#onChange()
    })
  }

  #timeout(timeoutMs: number): LaunchTimeoutError {
    return new LaunchTimeoutError(timeoutMs, this.#report.stderr, { supervisor: this.name })
  }

  #failure(): Error {
    const { error, exitCode, signal } = this.#ending ?? {}
    const supervisor = this.name
    if (error !== undefined) return new LaunchError(error.message, { supervisor, cause: error })
    return this.#report.failure({ supervisor, exitCode, signal })
  }
}
