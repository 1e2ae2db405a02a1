import { statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import * as v from 'valibot'
import { countSchema } from '../contract/fields.js'
import { InvalidOptionError, PathTooLongError, PermissionError, ProtocolError, TaskGoneError } from '../errors.js'
import { type OptionsOf, parseOptions } from '../options.js'
import { armDeadline, waitOptionsSchema } from './deadline.js'

/** What the kernel takes as the path of a unix socket on Linux; Node 20 cuts off the rest silently. */
export const MAX_SOCKET_PATH_BYTES = 107

/** A connect either succeeds at once or waits for room in the backlog; a listener that takes nobody for so long is stuck. */
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000

/** Waits between tries while the backlog is full (EAGAIN): doubled up to the slowest. */
const FIRST_RETRY_MS = 1
const SLOWEST_RETRY_MS = 50

const connectOptionsSchema = v.strictObject({
  ...waitOptionsSchema.entries,
  /** Pid of the supervisor, for the errors. */
  pid: v.optional(countSchema),
})
export type ConnectOptions = OptionsOf<typeof connectOptionsSchema>

/**
 * Connects to a unix socket. Where the listener is busy it is tried again until `timeoutMs` (10 s unless given).
 *
 * @throws PathTooLongError, PermissionError, TaskGoneError where nobody listens, TimeoutError, ProtocolError for a socket of
 * another type, the signal's reason, and the system's error for the rest.
 */
export function connectSocket(path: string, options: ConnectOptions = {}): Promise<Socket> {
  return new Promise((resolve, reject) => {
    checkSocketPath(path)
    const { pid, signal, timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = parseOptions(connectOptionsSchema, options)
    let ended = false
    let socket: Socket | undefined
    let retry: NodeJS.Timeout | undefined

    const disarm = armDeadline({ signal, timeoutMs }, `connecting to ${path}`, (reason) => {
      ended = true
      clearTimeout(retry)
      socket?.destroy()
      reject(reason)
    })
    if (ended) return
    attempt(FIRST_RETRY_MS)

    function attempt(retryMs: number): void {
      const candidate = connect(path)
      socket = candidate
      candidate.once('error', (error: NodeJS.ErrnoException) => {
        if (ended) return
        if (error.code === 'EAGAIN') {
          retry = setTimeout(attempt, retryMs, Math.min(2 * retryMs, SLOWEST_RETRY_MS))
          return
        }
        disarm()
        reject(connectError(error, path, pid))
      })
      candidate.once('connect', () => {
        ended = true
        disarm()
        resolve(candidate)
      })
    }
  })
}

/** @throws PathTooLongError, and InvalidOptionError for a path with a NUL byte, where the kernel would see another one. */
export function checkSocketPath(path: string): void {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new InvalidOptionError('path', path, 'must be the path of a socket')
  }
  const bytes = Buffer.byteLength(path)
  if (bytes > MAX_SOCKET_PATH_BYTES) throw new PathTooLongError(path, bytes, MAX_SOCKET_PATH_BYTES)
}

/** A mistyped path must not read as the end of a task. */
function describeGone(path: string, pid?: number): string {
  const task = pid === undefined ? 'no task' : `task ${pid} is gone: no supervisor`
  return `${task} listens at ${path}: ${describeTarget(path)}`
}

function describeTarget(path: string): string {
  try {
    return statSync(path).isSocket() ? 'the socket has no listener' : 'it is not a socket'
  } catch (error) {
    // Not `throwIfNoEntry`: with that, later versions of Node take ENOTDIR for a missing file.
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? 'no such file' : message
  }
}

function connectError(cause: NodeJS.ErrnoException, path: string, pid?: number): Error {
  switch (cause.code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ECONNREFUSED':
    case 'ECONNRESET':
      return new TaskGoneError(pid, { path, cause, message: describeGone(path, pid) })
    case 'EACCES':
    case 'EPERM':
      return new PermissionError(path, undefined, { cause })
    case 'EPROTOTYPE':
      return new ProtocolError(`${path} is a socket of another type`, { cause })
    default:
      return cause
  }
}
