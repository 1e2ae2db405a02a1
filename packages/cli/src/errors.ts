import { type ErrorCode, type InvalidOptionError, isBgTaskError } from '@bgtask/protocol'
import { CommanderError } from 'commander'

/** Exit codes of bgtask itself, as timeout(1), env(1) and docker have them; all others are a task's own. */
export const EXIT = { usage: 2, noMatch: 1, timeout: 124, failure: 125, notExecutable: 126, notFound: 127 } as const

/** What only the command line can get wrong. */
export type CliErrorCode =
  | 'ERR_BGTASK_USAGE'
  | 'ERR_BGTASK_NO_TASK'
  | 'ERR_BGTASK_AMBIGUOUS_ID'
  | 'ERR_BGTASK_TASK_STATE'
  | 'ERR_BGTASK_NOT_INSTALLED'

/** An error of the command line; `facts` go into the JSON. */
export class CliError extends Error {
  readonly code: CliErrorCode
  readonly facts: Readonly<Record<string, unknown>>

  constructor(code: CliErrorCode, message: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.code = code
    this.facts = facts
  }
}

/** An error as `--json` tells it. */
export interface ErrorDescription {
  readonly code: CliErrorCode | ErrorCode | 'ERR_BGTASK_INTERNAL'
  readonly message: string
  readonly exitCode: number
  readonly [fact: string]: unknown
}

export function describeError(error: unknown): ErrorDescription {
  const exitCode = exitCodeOf(error)
  if (error instanceof CliError) return { code: error.code, message: error.message, exitCode, ...error.facts }
  if (isBgTaskError(error, 'ERR_BGTASK_INVALID_OPTION')) return describeOption(error, exitCode)
  if (isBgTaskError(error)) return { code: error.code, message: shownMessage(error), exitCode, ...factsOf(error) }
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof CommanderError) {
    if (error.code === 'commander.help') return { code: 'ERR_BGTASK_USAGE', message: 'which command?', exitCode }
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

/** What the library calls its options, and what they are called here. */
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
  // The library names its own option there.
  return error.message.replace('(the option mkdirIfMissing makes it)', '(bgtask run makes it)')
}

/** The fields of an error that JSON can hold and the description has not yet. */
function factsOf(error: object): Record<string, unknown> {
  const facts = Object.entries(error).filter(
    ([name, value]) => !['code', 'name', 'message', 'cause', 'got', 'exitCode'].includes(name) && value !== undefined,
  )
  return Object.fromEntries(facts)
}
