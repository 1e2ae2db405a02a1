import { inspect } from 'node:util'

/** Names of all errors; stable, so that callers and other languages may compare them. */
export type ErrorCode = keyof ErrorClasses

interface ErrorClasses {
  ERR_BGTASK_INVALID_OPTION: InvalidOptionError
  ERR_BGTASK_POOL_DIR: PoolDirError
  ERR_BGTASK_PATH_TOO_LONG: PathTooLongError
  ERR_BGTASK_LAUNCH: LaunchError
  ERR_BGTASK_LAUNCH_TIMEOUT: LaunchTimeoutError
  ERR_BGTASK_LOCK_HELD: LockHeldError
  ERR_BGTASK_COMMAND: CommandError
  ERR_BGTASK_TASK_GONE: TaskGoneError
  ERR_BGTASK_AMBIGUOUS_ID: AmbiguousIdError
  ERR_BGTASK_OUTPUT_GAP: OutputGapError
  ERR_BGTASK_TIMEOUT: TimeoutError
  ERR_BGTASK_PERMISSION: PermissionError
  ERR_BGTASK_PROTOCOL: ProtocolError
  ERR_BGTASK_REMOTE: RemoteError
  ERR_BGTASK_UNSUPPORTED: UnsupportedError
  ERR_BGTASK_WOULD_BLOCK: WouldBlockError
  ERR_BGTASK_STDIN_CLOSED: StdinClosedError
  ERR_BGTASK_PLATFORM: PlatformError
  ERR_BGTASK_RUN: RunError
}

/** What every error takes: its `cause`, and a message instead of the usual one (an error from the wire keeps its words). */
export interface BgTaskErrorOptions {
  readonly cause?: unknown
  readonly message?: string
}

/** A second copy of this package has other classes: errors are recognized by this brand, never by `instanceof`. */
const BRAND = Symbol.for('bgtask.error')

/** Base of all errors of bgtask. `code` says which decision to make; facts are fields of the subclass. */
export class BgTaskError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options: BgTaskErrorOptions = {}) {
    super(options.message ?? message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    // From the code, because an app's bundle may be minified and class names are not kept then.
    Object.defineProperty(this, 'name', { value: className(code), configurable: true, writable: true })
  }
}
Object.defineProperty(BgTaskError.prototype, BRAND, { value: true })

/** Whether a value is an error of bgtask, and of that code if one is given; also for errors of another copy of the package. */
export function isBgTaskError<C extends ErrorCode>(error: unknown, code: C): error is ErrorClasses[C]
export function isBgTaskError(error: unknown): error is BgTaskError
export function isBgTaskError(error: unknown, code?: ErrorCode): error is BgTaskError {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return false
  return code === undefined || (error as { code?: unknown }).code === code
}

/** `ERR_BGTASK_LOCK_HELD` -> `LockHeldError`. */
function className(code: ErrorCode): string {
  const words = code.slice('ERR_BGTASK_'.length).split('_')
  return `${words.map((word) => word.charAt(0) + word.slice(1).toLowerCase()).join('')}Error`
}

/** A value in a few words for a message: one line, at most 200 characters. */
export function describeValue(value: unknown): string {
  const text = inspect(value, {
    depth: 1,
    breakLength: Number.POSITIVE_INFINITY,
    maxStringLength: 150,
    maxArrayLength: 8,
  })
  return text.length > 200 ? `${text.slice(0, 199)}…` : text
}

/** An option or argument is wrong: which one, and what was got. `rule` says what it must be, e.g. `must be an absolute path`. */
export class InvalidOptionError extends BgTaskError {
  readonly option: string
  readonly got: unknown

  constructor(option: string, got: unknown, rule?: string, options?: BgTaskErrorOptions) {
    super(
      'ERR_BGTASK_INVALID_OPTION',
      `${option}${rule ? ` ${rule}` : ' is not valid'}, got ${describeValue(got)}`,
      options,
    )
    this.option = option
    this.got = got
  }
}

/**
 * Why a pool's directory cannot be used. `unsafe`: another user could replace its entries, or owns it. `unusable`: the
 * system refuses an operation, such as reading or writing; the message and `cause` say which.
 */
export type PoolDirProblem = 'missing' | 'not-a-directory' | 'unsafe' | 'unusable'

const POOL_DIR_WORDS: Readonly<Record<PoolDirProblem, string>> = {
  missing: 'does not exist',
  'not-a-directory': 'is not a directory',
  unsafe: 'is not safe',
  unusable: 'cannot be used',
}

/** The pool's directory cannot be used. */
export class PoolDirError extends BgTaskError {
  readonly path: string
  readonly reason: PoolDirProblem

  /** @param words what the message says of the directory; the default follows from the reason. */
  constructor(path: string, reason: PoolDirProblem, words = POOL_DIR_WORDS[reason], options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_POOL_DIR', `pool directory ${path} ${words}`, options)
    this.path = path
    this.reason = reason
  }
}

/** A socket's path exceeds what the kernel takes; Node would truncate it silently. */
export class PathTooLongError extends BgTaskError {
  readonly path: string
  readonly bytes: number
  readonly limit: number

  constructor(path: string, bytes: number, limit: number, options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_PATH_TOO_LONG', `socket path ${path} has ${bytes} bytes, the limit is ${limit}`, options)
    this.path = path
    this.bytes = bytes
    this.limit = limit
  }
}

/** The supervisor did not come up: what it wrote to stderr and, if known, what was started and how it ended. */
export class LaunchError extends BgTaskError {
  /** What it wrote. */
  readonly stderr: string
  /** Its command line, cut for people. */
  readonly supervisor: string | undefined
  readonly exitCode: number | undefined
  readonly signal: string | undefined

  constructor(
    stderr: string,
    how: { supervisor?: string; exitCode?: number; signal?: string } & BgTaskErrorOptions = {},
  ) {
    const said = stderr.trim() ? `: ${stderr.trim()}` : ''
    super('ERR_BGTASK_LAUNCH', `${supervisorName(how)} failed to start${ending(how)}${said}`, how)
    this.stderr = stderr
    this.supervisor = how.supervisor
    this.exitCode = how.exitCode
    this.signal = how.signal
  }
}

function supervisorName({ supervisor }: { supervisor?: string }): string {
  return supervisor === undefined ? 'supervisor' : `supervisor ${supervisor}`
}

function ending({ exitCode, signal }: { exitCode?: number; signal?: string }): string {
  if (signal !== undefined) return ` (ended by ${signal})`
  return exitCode === undefined ? '' : ` (exit code ${exitCode})`
}

/** The supervisor said neither ready nor failed in time. */
export class LaunchTimeoutError extends BgTaskError {
  readonly timeoutMs: number
  /** What it wrote until then. */
  readonly stderr: string
  /** Its command line, cut for people. */
  readonly supervisor: string | undefined

  constructor(timeoutMs: number, stderr = '', options: { supervisor?: string } & BgTaskErrorOptions = {}) {
    const said = stderr.trim() ? `: ${stderr.trim()}` : ''
    super(
      'ERR_BGTASK_LAUNCH_TIMEOUT',
      `${supervisorName(options)} was not ready within ${timeoutMs} ms${said}`,
      options,
    )
    this.timeoutMs = timeoutMs
    this.stderr = stderr
    this.supervisor = options.supervisor
  }
}

/** Who holds a lock, as far as it is known. `kind` is `fcntl`, `flock` or `orphan`, say. */
export interface LockHolder {
  readonly pid?: number
  readonly supervisorPid?: number
  readonly childPid?: number
  readonly kind?: string
}

/** The lock file is locked by somebody else. */
export class LockHeldError extends BgTaskError {
  readonly lockfile: string
  readonly holder: LockHolder | undefined

  constructor(lockfile: string, holder?: LockHolder, options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_LOCK_HELD', `lock file ${lockfile} is held${holderWords(holder)}`, options)
    this.lockfile = lockfile
    this.holder = holder
  }
}

function holderWords(holder: LockHolder = {}): string {
  const { pid, supervisorPid, childPid, kind } = holder
  const facts = Object.entries({ pid, supervisor: supervisorPid, child: childPid, kind })
    .filter(([, fact]) => fact !== undefined)
    .map(([name, fact]) => `${name} ${fact}`)
  return facts.length === 0 ? '' : ` (${facts.join(', ')})`
}

/** Why a command cannot be run. */
export type CommandProblem = 'not-found' | 'not-executable' | 'too-long' | 'bad-cwd' | 'other'

/** The child's command cannot be run; the program's name is `command`. */
export class CommandError extends BgTaskError {
  readonly command: string
  readonly reason: CommandProblem
  readonly cwd: string | undefined

  constructor(command: string, reason: CommandProblem, cwd?: string, options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_COMMAND', commandWords(command, reason, cwd), options)
    this.command = command
    this.reason = reason
    this.cwd = cwd
  }
}

function commandWords(command: string, reason: CommandProblem, cwd?: string): string {
  switch (reason) {
    case 'not-found':
      return `command not found: ${command}`
    case 'not-executable':
      return `command is not executable: ${command}`
    case 'too-long':
      return `arguments and environment of ${command} are too long for the kernel`
    case 'bad-cwd':
      return `working directory ${cwd} of ${command} cannot be entered`
    default:
      return `command cannot be run: ${command}`
  }
}

/** The task is not there any more: its supervisor ended, the connection broke, or its pid is another task's by now. */
export class TaskGoneError extends BgTaskError {
  readonly pid: number | undefined
  readonly path: string | undefined
  /** Undefined where it was not known yet. */
  readonly taskId: string | undefined

  constructor(pid?: number, options: { path?: string; taskId?: string } & BgTaskErrorOptions = {}) {
    const { path, taskId } = options
    const name = taskId ?? pid
    const where = path === undefined ? '' : ` at ${path}`
    super('ERR_BGTASK_TASK_GONE', `task${name === undefined ? '' : ` ${name}`} is gone${where}`, options)
    this.pid = pid
    this.path = path
    this.taskId = taskId
  }
}

/** The beginning of a task id fits several tasks: `taskIds` are theirs. */
export class AmbiguousIdError extends BgTaskError {
  readonly given: string
  readonly taskIds: readonly string[]

  constructor(given: string, taskIds: readonly string[], options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_AMBIGUOUS_ID', `task id ${given} could be any of ${taskIds.join(', ')}`, options)
    this.given = given
    this.taskIds = taskIds
  }
}

/** Bytes of an output that were to be read are no longer kept: `from` up to, not including, `to`. Reading can go on at `to`. */
export class OutputGapError extends BgTaskError {
  readonly stream: string
  readonly from: number
  readonly to: number

  constructor(stream: string, from: number, to: number, options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_OUTPUT_GAP', `bytes ${from} to ${to} of ${stream} are no longer kept`, options)
    this.stream = stream
    this.from = from
    this.to = to
  }
}

/** `timeoutMs` passed; `what` says what was waited for. */
export class TimeoutError extends BgTaskError {
  readonly timeoutMs: number
  readonly what: string

  constructor(timeoutMs: number, what: string, options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_TIMEOUT', `${what} took longer than ${Math.round(timeoutMs)} ms`, options)
    this.timeoutMs = timeoutMs
    this.what = what
  }
}

/** A path may not be reached, or belongs to somebody who is not trusted. */
export class PermissionError extends BgTaskError {
  readonly path: string

  constructor(path: string, reason = 'may not be accessed', options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_PERMISSION', `${path} ${reason}`, options)
    this.path = path
  }
}

/** The other side broke the wire's grammar, a bound or a schema. */
export class ProtocolError extends BgTaskError {
  constructor(message: string, options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_PROTOCOL', message, options)
  }
}

/** The supervisor answered with an error of its own; `remoteCode` and `data` are what it said. */
export class RemoteError extends BgTaskError {
  readonly remoteCode: string
  readonly data: unknown

  constructor(remoteCode: string, message: string, data?: unknown, options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_REMOTE', message, options)
    this.remoteCode = remoteCode
    this.data = data
  }
}

/** The supervisor, an older or a custom one, has no such method, or lacks features that a spec needs. */
export class UnsupportedError extends BgTaskError {
  /** Empty where features are missing. */
  readonly method: string
  readonly features: readonly string[] | undefined

  constructor(method: string, options: { features?: readonly string[] } & BgTaskErrorOptions = {}) {
    const { features } = options
    const what = features === undefined ? `method ${method} is` : `the spec needs ${features.join(', ')}, which is`
    super('ERR_BGTASK_UNSUPPORTED', `${what} not supported`, options)
    this.method = method
    this.features = features
  }
}

/** It cannot be done now without waiting or queueing more than the bound: read, discard or wait first. */
export class WouldBlockError extends BgTaskError {
  readonly what: string

  constructor(what: string, options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_WOULD_BLOCK', `${what} would block`, options)
    this.what = what
  }
}

/** The child has no open stdin: it has ended or closed it, stdin was closed by a client, or the task was spawned without one. */
export class StdinClosedError extends BgTaskError {
  constructor(options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_STDIN_CLOSED', 'the child has no open stdin', options)
  }
}

/** This platform lacks what is needed; `platform` is Node's `process.platform`. */
export class PlatformError extends BgTaskError {
  readonly platform: string

  constructor(what: string, platform: string = process.platform, options?: BgTaskErrorOptions) {
    super('ERR_BGTASK_PLATFORM', `${what} is not supported on ${platform}`, options)
    this.platform = platform
  }
}

/** Why a run counts as failed: as `cause` of an exit status, or because the task wrote more than was to be held. */
export type RunProblem = 'exit' | 'signal' | 'timeout' | 'stopped' | 'max-bytes'

/** A command that was run to its end failed: how, and what it wrote until then. */
export class RunError extends BgTaskError {
  readonly reason: RunProblem
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  /** The Task. */
  readonly task: unknown

  constructor(
    message: string,
    facts: Pick<RunError, 'reason' | 'exitCode' | 'signal' | 'stdout' | 'stderr' | 'task'>,
    options?: BgTaskErrorOptions,
  ) {
    super('ERR_BGTASK_RUN', message, options)
    this.reason = facts.reason
    this.exitCode = facts.exitCode
    this.signal = facts.signal
    this.stdout = facts.stdout
    this.stderr = facts.stderr
    // Printing the error must not print all of it.
    this.task = facts.task
    Object.defineProperty(this, 'task', { enumerable: false })
  }
}
