import { type ErrorCode, type InvalidOptionError, isBgTaskError } from '@bgtask/protocol'
import { CommanderError } from 'commander'

/** Exit codes of bgtask itself, the same as those of timeout(1), env(1) and docker; all others come from a task. */
export const EXIT = { usage: 2, noMatch: 1, timeout: 124, failure: 125, notExecutable: 126, notFound: 127 } as const

/** Codes of errors that only the command line has. */
export type CliErrorCode =
  | 'ERR_BGTASK_USAGE'
  | 'ERR_BGTASK_NO_TASK'
  | 'ERR_BGTASK_AMBIGUOUS_ID'
  | 'ERR_BGTASK_TASK_STATE'
  | 'ERR_BGTASK_NOT_INSTALLED'

/** An error of the command line; `details` are added to the JSON. */
export class CliError extends Error {
  readonly code: CliErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: CliErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.code = code
    this.details = details
  }
}

/** An error as `--json` prints it. */
export interface ErrorDescription {
  readonly code: CliErrorCode | ErrorCode | 'ERR_BGTASK_INTERNAL'
  readonly message: string
  readonly exitCode: number
  readonly [detail: string]: unknown
}

export function describeError(error: unknown): ErrorDescription {
  const exitCode = exitCodeOf(error)
  if (error instanceof CliError) return { code: error.code, message: error.message, exitCode, ...error.details }
  if (isBgTaskError(error, 'ERR_BGTASK_INVALID_OPTION')) return describeOption(error, exitCode)
  if (isBgTaskError(error)) return { code: error.code, message: shownMessage(error), exitCode, ...detailsOf(error) }
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof CommanderError) {
    if (error.code === 'commander.help') return { code: 'ERR_BGTASK_USAGE', message: 'missing command', exitCode }
    return { code: 'ERR_BGTASK_USAGE', message: message.replace(/^error: /, ''), exitCode }
  }
  return { code: 'ERR_BGTASK_INTERNAL', message, exitCode }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage
  if (error instanceof CliError) return error.code === 'ERR_BGTASK_USAGE' ? EXIT.usage : EXIT.failure
  if (isBgTaskError(error, 'ERR_BGTASK_INVALID_OPTION')) return EXIT.usage
  if (isBgTaskError(error, 'ERR_BGTASK_TIMEOUT')) return EXIT.timeout
  if (isBgTaskError(error, 'ERR_BGTASK_COMMAND') && error.reason === 'not-found') return EXIT.notFound
  if (isBgTaskError(error, 'ERR_BGTASK_COMMAND') && error.reason === 'not-executable') return EXIT.notExecutable
  return EXIT.failure
}

/** Maps the library's option names to those of the command line. */
const OPTIONS: Readonly<Record<string, string>> = {
  cwd: '--cwd',
  exec: 'the command',
  lockfile: '--lock',
  maxReadBufSize: '--max-buffer',
  maxRuntimeMs: '--timeout',
  meta: '--meta',
  path: '--pool',
}

function describeOption({ code, message, option: name }: InvalidOptionError, exitCode: number): ErrorDescription {
  const option = OPTIONS[name] ?? name
  return { code, message: message.startsWith(name) ? option + message.slice(name.length) : message, exitCode, option }
}

function shownMessage(error: Error): string {
  if (isBgTaskError(error, 'ERR_BGTASK_COMMAND') && error.reason === 'not-found' && /\s/.test(error.command)) {
    return `${error.message} (for a command line: bgtask run -- sh -c '…')`
  }
  // The library's message names its own option.
  if (isBgTaskError(error, 'ERR_BGTASK_POOL_DIR') && error.reason === 'missing') {
    return `pool directory ${error.path} does not exist (bgtask run creates it)`
  }
  return error.message
}

/** Fields of an error that are not yet part of its description. */
function detailsOf(error: object): Record<string, unknown> {
  const details = Object.entries(error).filter(
    ([name, value]) => !['code', 'name', 'message', 'cause', 'got', 'exitCode'].includes(name) && value !== undefined,
  )
  return Object.fromEntries(details)
}
