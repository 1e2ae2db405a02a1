import { isPlainObject } from '../contract/json.js'
import {
  type BgTaskError,
  type BgTaskErrorOptions,
  CommandError,
  type CommandProblem,
  describeValue,
  type ErrorCode,
  InvalidOptionError,
  isBgTaskError,
  LockHeldError,
  PathTooLongError,
  PermissionError,
  PlatformError,
  ProtocolError,
  RemoteError,
  TaskGoneError,
  UnsupportedError,
  WouldBlockError,
} from '../errors.js'

/** An error as it travels: the error of a response (design: `{ code, message, data? }`). */
export interface WireError {
  readonly code: string
  readonly message: string
  readonly data?: Readonly<Record<string, unknown>>
}

/** Characters of a text in an error, sent or received: an error must always fit in a message, and it ends up in logs. */
const MAX_WORDS = 16 * 1024

/**
 * Puts anything thrown into plain words for the wire. Errors of bgtask keep their code and fields, system errors their
 * code (`ENOENT`); everything else is `INTERNAL`. `cause` and stacks stay at home.
 */
export function toWireError(error: unknown): WireError {
  if (isBgTaskError(error, 'ERR_BGTASK_REMOTE')) {
    const { remoteCode, data } = error
    return { code: remoteCode, message: words(error.message), ...(isPlainObject(data) && { data }) }
  }
  if (isBgTaskError(error)) {
    const data = fieldsOf(error)
    return { code: error.code, message: words(error.message), ...(Object.keys(data).length > 0 && { data }) }
  }
  if (error instanceof Error) {
    const { code } = error as NodeJS.ErrnoException
    return { code: typeof code === 'string' ? code : 'INTERNAL', message: words(error.message) }
  }
  return { code: 'INTERNAL', message: words(error) }
}

function fieldsOf(error: BgTaskError): Record<string, unknown> {
  const { code, cause, message, stack, ...fields } = error
  const data: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) data[name] = typeof value !== 'string' && isPlain(value) ? value : words(value)
  }
  return data
}

function isPlain(value: unknown): boolean {
  if (isPlainObject(value)) return Object.values(value).every((item) => isScalar(item) || item === undefined)
  if (Array.isArray(value)) return value.every(isScalar)
  return isScalar(value)
}

function isScalar(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

/**
 * Makes an error of what came over the wire; never throws, whatever it is. A code that a supervisor can use becomes its
 * class with its fields, another code a RemoteError with that code, and what is no error a RemoteError `UNKNOWN`.
 */
export function fromWireError(wire: unknown): BgTaskError {
  if (!isPlainObject(wire) || typeof wire.code !== 'string') return new RemoteError('UNKNOWN', words(wire), wire)
  const { code, data } = wire
  const message = typeof wire.message === 'string' ? words(wire.message) : words(code)
  const revive = Object.hasOwn(REVIVERS, code) ? REVIVERS[code] : undefined
  if (revive === undefined) return new RemoteError(words(code), message, data)
  return revive(new Fields(isPlainObject(data) ? data : {}), { message })
}

/** What an answer may say: the other codes speak of a launch, or of the caller's own side. */
const CODES_OF_ANSWERS: readonly string[] = [
  'ERR_BGTASK_INVALID_OPTION',
  'ERR_BGTASK_UNSUPPORTED',
  'ERR_BGTASK_PROTOCOL',
  'ERR_BGTASK_LOCK_HELD',
  'ERR_BGTASK_COMMAND',
  'ERR_BGTASK_WOULD_BLOCK',
] satisfies ErrorCode[]

/**
 * The same for what a peer answers: it may be hostile, and must not pass for a timeout, say, or for a connection that was
 * lost. Such codes come back as RemoteError.
 */
export function fromAnsweredError(wire: unknown): BgTaskError {
  const error = fromWireError(wire)
  if (error.code === 'ERR_BGTASK_REMOTE' || CODES_OF_ANSWERS.includes(error.code)) return error
  return new RemoteError(error.code, error.message, (wire as WireError).data)
}

function words(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_WORDS) : describeValue(value)
}

type Reviver = (fields: Fields, options: BgTaskErrorOptions) => BgTaskError

/** What a supervisor can find out, in answers and in its launch. All other codes come back as RemoteError. */
const REVIVERS: Readonly<Partial<Record<string, Reviver>>> = {
  ERR_BGTASK_INVALID_OPTION: (f, o) => new InvalidOptionError(f.text('option'), f.any('got'), undefined, o),
  ERR_BGTASK_PATH_TOO_LONG: (f, o) => new PathTooLongError(f.text('path'), f.number('bytes'), f.number('limit'), o),
  ERR_BGTASK_LOCK_HELD: (f, o) => new LockHeldError(f.text('lockfile'), f.holder(), o),
  ERR_BGTASK_COMMAND: (f, o) => new CommandError(f.text('command'), f.commandProblem(), f.maybeText('cwd'), o),
  ERR_BGTASK_TASK_GONE: (f, o) =>
    new TaskGoneError(f.maybeNumber('pid'), { path: f.maybeText('path'), taskId: f.maybeText('taskId'), ...o }),
  ERR_BGTASK_PERMISSION: (f, o) => new PermissionError(f.text('path'), undefined, o),
  ERR_BGTASK_PROTOCOL: (_, o) => new ProtocolError(o.message ?? '', o),
  ERR_BGTASK_UNSUPPORTED: (f, o) =>
    new UnsupportedError(f.text('method'), { features: f.maybeTexts('features'), ...o }),
  ERR_BGTASK_WOULD_BLOCK: (f, o) => new WouldBlockError(f.text('what'), o),
  ERR_BGTASK_PLATFORM: (f, o) => new PlatformError('', f.text('platform'), o),
}

const COMMAND_PROBLEMS: readonly string[] = [
  'not-found',
  'not-executable',
  'too-long',
  'bad-cwd',
] satisfies CommandProblem[]

/** Reads fields that somebody else wrote: a wrong type is as good as a missing field. */
class Fields {
  readonly #data: Readonly<Record<string, unknown>>

  constructor(data: Readonly<Record<string, unknown>>) {
    this.#data = data
  }

  any(name: string): unknown {
    return Object.hasOwn(this.#data, name) ? this.#data[name] : undefined
  }

  maybeText(name: string): string | undefined {
    const value = this.any(name)
    return typeof value === 'string' ? words(value) : undefined
  }

  maybeTexts(name: string): string[] | undefined {
    const value = this.any(name)
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value.map(words) : undefined
  }

  text(name: string): string {
    return this.maybeText(name) ?? ''
  }

  maybeNumber(name: string): number | undefined {
    const value = this.any(name)
    return typeof value === 'number' ? value : undefined
  }

  number(name: string): number {
    return this.maybeNumber(name) ?? Number.NaN
  }

  commandProblem(): CommandProblem {
    const value = this.text('reason')
    return COMMAND_PROBLEMS.includes(value) ? (value as CommandProblem) : 'other'
  }

  holder(): LockHeldError['holder'] {
    const value = this.any('holder')
    if (!isPlainObject(value)) return undefined
    const fields = new Fields(value)
    return {
      pid: fields.maybeNumber('pid'),
      supervisorPid: fields.maybeNumber('supervisorPid'),
      childPid: fields.maybeNumber('childPid'),
      kind: fields.maybeText('kind'),
    }
  }
}
