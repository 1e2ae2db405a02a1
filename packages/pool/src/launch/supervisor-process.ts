import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import {
  BEHAVIOR_VARIABLE,
  COOKIE_VARIABLE,
  LAUNCH_VARIABLE,
  mergeEnvironment,
  readProcessStat,
  withoutTaskVariables,
} from '@bgtask/os'
import { type Behavior, isBgTaskError, LaunchError, LaunchTimeoutError } from '@bgtask/protocol'
import { armDeadline } from '@bgtask/protocol/rpc'
import { debug } from '../debug.js'
import { endLeftovers } from './leftovers.js'
import { relay } from './relay.js'
import { LaunchReport } from './report.js'

/** How a supervisor is started. */
export interface SupervisorPlan {
  readonly cmd: readonly string[]
  /** Laid over the caller's environment; `undefined` unsets. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly behavior: Behavior
}

/** The environment of a supervisor started now, but for what tells one launch from another. */
export function supervisorEnvironment({ env, behavior }: SupervisorPlan): Record<string, string> {
  return { ...mergeEnvironment(withoutTaskVariables(process.env), env), [BEHAVIOR_VARIABLE]: behavior }
}

/**
 * Lets go of its parent, since Node cannot: the supervisor's parent is this `sh`, which ends at once. In such a list stdin
 * would be `/dev/null`. The spec comes by fd 3, because Node closes its end of a child's stdin when that child exits.
 */
const DETACH = '"$@" <&3 3<&- &'

/** How long (ms) the end of a pipe is waited for after the supervisor's: somebody else may hold its far end. */
const CLOSING_MS = 100

/** Characters of one word and of the whole of a supervisor's command line in an error, which ends up in logs. */
const MAX_WORD_LENGTH = 100
const MAX_COMMAND_LENGTH = 300

/** How long a launch may take (ms), and what gives it up before. */
export interface LaunchOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** A supervisor that was started and waits for its spec on stdin. */
export class SupervisorProcess {
  /** Its command line, cut for people. */
  readonly name: string
  readonly #launchId = randomBytes(16).toString('hex')
  readonly #foreground: boolean
  readonly #child: ChildProcess
  readonly #since: number | undefined
  readonly #report = new LaunchReport()
  #spawnError: Error | undefined
  #ended = false
  #diedWaiting = false
  #onChange: () => void = () => {}

  /** @throws LaunchError where not even a process can be made. */
  constructor(plan: SupervisorPlan, extraEnv: Readonly<Record<string, string>> = {}) {
    this.#foreground = plan.behavior === 'foreground'
    this.name = commandLine(plan.cmd)
    debug(() => `launch ${this.#launchId}: ${plan.behavior} ${JSON.stringify(plan.cmd)}`)
    const env = { ...supervisorEnvironment(plan), ...extraEnv, [LAUNCH_VARIABLE]: this.#launchId }
    this.#child = startProcess(plan.cmd, plan.behavior, env)
    this.#since = readProcessStat(this.#child.pid ?? 0)?.startTime
    this.#child.once('error', (error) => {
      this.#spawnError = error
      this.#end()
    })
    // Without pipes there was an error, which is told in a moment.
    for (const pipe of this.#pipes()) pipe.on('error', () => {})
    // The far end was closed with bytes in it that nobody had read.
    this.#specPipe?.once('error', () => {
      this.#diedWaiting = true
    })
    this.#child.stderr?.on('data', this.#onWords)
    if (this.#child.stdout != null) relay(this.#child.stdout, process.stdout)
    for (const event of ['end', 'close']) this.#child.stderr?.once(event, () => this.#wordsEnded())
  }

  /** Whether it can no longer be given a spec: it ended, or believes that it is ready. */
  get isSpent(): boolean {
    return this.#ended || this.#report.pid !== undefined
  }

  /** Whether it ended before it had read its spec, and so has done nothing: the spec can be given to another one. */
  get diedWaiting(): boolean {
    return this.#diedWaiting
  }

  /** Whether it keeps the program alive. */
  setRef(ref: boolean): void {
    const method = ref ? 'ref' : 'unref'
    this.#child[method]()
    for (const pipe of this.#pipes()) pipe[method]()
  }

  /**
   * Gives it the spec, waits until it is ready, and lets `reach` look whether that is true.
   *
   * @throws LaunchError with its words, the error that it named, LaunchTimeoutError, the signal's reason, or what `reach`
   * throws. Then nothing of it is left.
   */
  async launch<R>(
    { spec, taskId }: { spec: Uint8Array; taskId: string },
    options: LaunchOptions,
    reach: (pid: number) => Promise<R>,
  ): Promise<R> {
    try {
      debug(() => `launch ${this.#launchId}: task ${taskId}, ${spec.length} bytes of spec`)
      // It is read from only because a socket tells what became of it no other way.
      this.#specPipe?.end(spec).resume()
      await this.#settled(options)
      if (this.#report.pid === undefined) {
        // The socket shows what became of the spec a moment before or after the end of stderr.
        await closed(this.#specPipe)
        throw this.#failure()
      }
      const reached = await reach(this.#report.pid)
      this.#release()
      debug(() => `launch ${this.#launchId}: supervisor ${this.#report.pid} is ready`)
      return reached
    } catch (error) {
      debug(() => `launch ${this.#launchId} failed: ${error}`)
      await this.abandon(taskId)
      throw error
    }
  }

  /** Lets go of it; a supervisor without a spec ends by itself when stdin does. Resolves when nothing of it is left. */
  async abandon(taskId?: string): Promise<void> {
    for (const pipe of this.#pipes()) pipe.destroy()
    const marks = [`${LAUNCH_VARIABLE}=${this.#launchId}`]
    if (taskId !== undefined) marks.push(`${COOKIE_VARIABLE}=${taskId}`)
    await endLeftovers({ marks, since: this.#since })
    // What it said is shown; somebody who still holds it open must not keep this program.
    const stdout = this.#child.stdout as Socket | null
    await closed(stdout)
    stdout?.destroy()
  }

  readonly #onWords = (chunk: Buffer): void => {
    this.#report.push(chunk)
    if (this.#report.pid === undefined) return
    // What follows the ready line is not the launch's any more.
    this.#child.stderr?.pause()
    this.#onChange()
  }

  /** `sh` has gone long before; the exit code is known of a supervisor that is our own child. */
  #wordsEnded(): void {
    const { exitCode, signalCode } = this.#child
    if (this.#foreground && exitCode === null && signalCode === null) this.#child.once('exit', () => this.#end())
    else this.#end()
  }

  #end(): void {
    this.#report.end()
    this.#ended = true
    this.#onChange()
  }

  #settled(options: LaunchOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const isSettled = () => this.#ended || this.#report.pid !== undefined
      const disarm = armDeadline(options, 'launch', (reason) => {
        // What has arrived while this process was busy is read before the supervisor is given up.
        setImmediate(() => {
          this.#onChange = () => {}
          if (isSettled() && !options.signal?.aborted) resolve()
          else reject(isBgTaskError(reason, 'ERR_BGTASK_TIMEOUT') ? this.#timeout(options.timeoutMs) : reason)
        })
      })
      this.#onChange = () => {
        if (!isSettled()) return
        this.#onChange = () => {}
        disarm()
        resolve()
      }
      this.#onChange()
    })
  }

  #timeout(timeoutMs: number): LaunchTimeoutError {
    return new LaunchTimeoutError(timeoutMs, this.#report.words, { supervisor: this.name })
  }

  #failure(): Error {
    const supervisor = this.name
    const cause = this.#spawnError
    if (cause !== undefined) return new LaunchError(cause.message, { supervisor, cause })
    if (!this.#foreground) return this.#report.failure({ supervisor })
    const { exitCode, signalCode } = this.#child
    return this.#report.failure({ supervisor, exitCode: exitCode ?? undefined, signal: signalCode ?? undefined })
  }

  /**
   * From here on the supervisor is on its own. In the foreground the program stays as long as it does, and shows what it
   * writes: the task's output, and its own words.
   */
  #release(): void {
    const { stderr } = this.#child
    if (!this.#foreground || stderr === null) {
      for (const pipe of this.#pipes()) pipe.destroy()
      this.#child.unref()
      return
    }
    this.#specPipe?.destroy()
    stderr.off('data', this.#onWords)
    relay(stderr, process.stderr)
    const words = this.#report.wordsBesideReady
    if (words !== '') process.stderr.write(words)
    stderr.resume()
  }

  get #specPipe(): Socket | undefined {
    return (this.#foreground ? this.#child.stdin : this.#child.stdio?.[3]) as Socket | undefined
  }

  #pipes(): Socket[] {
    return [this.#specPipe, this.#child.stderr as Socket | null].filter((pipe) => pipe != null)
  }
}

/** Waits until a pipe is closed, at most `CLOSING_MS`. */
function closed(pipe: Socket | null | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (pipe == null || pipe.destroyed) return resolve()
    const timer = setTimeout(resolve, CLOSING_MS)
    pipe.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function startProcess(cmd: readonly string[], behavior: Behavior, env: Record<string, string>): ChildProcess {
  try {
    if (behavior === 'foreground') {
      const [program = '', ...args] = cmd
      return spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    }
    const detached = behavior === 'daemon'
    return spawn('/bin/sh', ['-c', DETACH, 'sh', ...cmd], {
      env,
      detached,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    })
  } catch (error) {
    throw new LaunchError((error as Error).message, { supervisor: commandLine(cmd), cause: error })
  }
}

/** An argv in one line for people: long words, scripts mostly, are cut, and so is the whole. */
function commandLine(argv: readonly string[]): string {
  const words = argv.map((word) => cut(word.replace(/\s+/g, ' '), MAX_WORD_LENGTH))
  return cut(words.join(' '), MAX_COMMAND_LENGTH)
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}
