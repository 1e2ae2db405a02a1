import type { Socket } from 'node:net'
import {
  describeInvalid,
  InvalidOptionError,
  isBgTaskError,
  isPlainObject,
  type MethodName,
  type MethodParams,
  type MethodResult,
  ProtocolError,
  paramSchemas,
  parseOptions,
  resultSchemas,
  TaskGoneError,
  TimeoutError,
  validate,
} from '@bgtask/protocol'
import { connectSocket, RpcPeer, type WaitOptions, waitOptionsSchema, withDeadline } from '@bgtask/protocol/rpc'
import type * as v from 'valibot'
import { DEFAULT_TIMEOUT_MS, unlessAborted } from './deadline.js'
import { debug } from './debug.js'
import type { TaskBinding } from './task-binding.js'

/** Interval (ms) of pings to a supervisor during a call without a deadline. */
const HEARTBEAT_MS = 10_000

/** A supervisor handles 64 requests of a connection at a time; long polls must leave room for other requests. */
const MAX_POLLS = 32

/** How long (ms) a further connection stays open for the next poll of a loop. */
const FURTHER_IDLE_MS = 1_000

/** What a connection reports to its task. */
export interface ConnectionObserver {
  /** A connection was made. Calls made in here are sent right after the greeting. */
  opened(): void
  notified(name: string, params: readonly unknown[]): void
  /** The connection broke, or the supervisor ended it. Not called after `close`. */
  lost(): void
}

/**
 * The connection to one supervisor: opened by the first call, shared by all, and opened again by the first call after it
 * was closed. Results are checked, since a supervisor may be custom, older or hostile.
 */
export class SupervisorConnection {
  readonly socketPath: string
  readonly #binding: TaskBinding
  readonly #launchSocketPath: string | undefined
  readonly #observer: ConnectionObserver | undefined
  /** Only while it is open. */
  #peer: RpcPeer | undefined
  #connecting: Promise<RpcPeer> | undefined
  #abandoned = new AbortController()
  #closed: Promise<void> = Promise.resolve()
  #polls = 0
  #further: SupervisorConnection | undefined

  /**
   * @param observer undefined for a further connection, which closes when it is idle.
   * @param launchSocketPath the socket's name until the end of the launch.
   */
  constructor(socketPath: string, binding: TaskBinding, observer?: ConnectionObserver, launchSocketPath?: string) {
    this.socketPath = socketPath
    this.#binding = binding
    this.#observer = observer
    this.#launchSocketPath = launchSocketPath
  }

  get isOpen(): boolean {
    return this.#peer !== undefined
  }

  /** @throws TaskGoneError if no supervisor listens; PermissionError; TimeoutError. */
  async open(options: WaitOptions = {}): Promise<RpcPeer> {
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = parseOptions(waitOptionsSchema, options)
    if (this.#peer !== undefined) return this.#peer
    this.#connecting ??= this.#connect()
    const connecting = this.#connecting
    // Every pending call gets the error; after an abort none is pending.
    connecting.catch(() => {})
    const what = `connecting to ${this.socketPath}`
    return withDeadline({ signal, timeoutMs }, what, (ended) => unlessAborted(connecting, ended))
  }

  close(): void {
    this.#disconnect()
    this.#further?.close()
  }

  /** Waits until the supervisor has closed the connection that was made last. */
  async closed(options: WaitOptions): Promise<void> {
    await withDeadline(options, 'the end of the supervisor', (ended) => unlessAborted(this.#closed, ended))
  }

  /**
   * Calls a method. Without `timeoutMs` it may take 10 s, and a long poll its `waitMs` more.
   *
   * @throws InvalidOptionError for params that the contract does not allow; UnsupportedError if the supervisor lacks the
   * method; ProtocolError for a result that breaks the contract; TaskGoneError, TimeoutError, and the supervisor's own errors.
   */
  async call<M extends MethodName>(
    method: M,
    params?: MethodParams<M>,
    options: WaitOptions = {},
  ): Promise<MethodResult<M>> {
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS + waitMsOf(params) } = parseOptions(waitOptionsSchema, options)
    const { invalid } = validate(paramSchemas[method], params)
    if (invalid !== undefined) throw new InvalidOptionError(invalid.path || method, invalid.got, invalid.problem)
    const waitMs = waitMsOf(params)
    if (waitMs > 0) return this.#poll(method, params, { signal, timeoutMs }, waitMs)
    return this.#send(method, params, { signal, timeoutMs })
  }

  /** Calls a method that may take long: it fails after `timeoutMs` if given, else only if the supervisor stops answering pings. */
  async callPatiently<M extends MethodName>(
    method: M,
    params: MethodParams<M>,
    options: WaitOptions,
  ): Promise<MethodResult<M>> {
    const { signal, timeoutMs } = options
    if (timeoutMs !== undefined) return this.call(method, params, options)
    const silence = new AbortController()
    const heartbeat = setInterval(() => {
      this.call('getInfo').catch((error) => {
        if (isBgTaskError(error, 'ERR_BGTASK_TIMEOUT')) silence.abort(error)
      })
    }, HEARTBEAT_MS)
    try {
      const ended = signal == null ? silence.signal : AbortSignal.any([signal, silence.signal])
      return await this.call(method, params, { signal: ended, timeoutMs: Number.POSITIVE_INFINITY })
    } finally {
      clearInterval(heartbeat)
    }
  }

  #disconnect(): void {
    const reason = new TaskGoneError(undefined, { path: this.socketPath, message: 'disconnected from the task' })
    const peer = this.#peer
    this.#peer = undefined
    this.#abandoned.abort(reason)
    peer?.close(reason)
  }

  async #send<M extends MethodName>(
    method: M,
    params: MethodParams<M> | undefined,
    options: WaitOptions,
  ): Promise<MethodResult<M>> {
    const args = params === undefined ? [] : [params]
    const reply =
      this.#peer === undefined ? this.#openAndCall(method, args, options) : this.#peer.call(method, args, options)
    return checkedResult(method, await reply.catch((error) => this.#fail(method, error)))
  }

  /** One deadline for both; the error names the `timeoutMs` of the caller. */
  #openAndCall(method: MethodName, args: unknown[], options: WaitOptions): Promise<unknown> {
    return withDeadline(options, method, async (signal) => {
      const peer = await this.open({ signal, timeoutMs: Number.POSITIVE_INFINITY })
      return peer.call(method, args, { signal })
    })
  }

  /** Adds the task to a peer's error: a peer does not know the task of its socket. */
  #fail(method: MethodName, error: unknown): never {
    debug(() => `${method} failed: ${error}`)
    if (this.#binding.isRefusal(error)) throw this.#binding.replaced(error)
    if (isBgTaskError(error, 'ERR_BGTASK_TASK_GONE') && error.path === undefined) throw this.#binding.gone(error)
    if (isBgTaskError(error, 'ERR_BGTASK_TIMEOUT') && error.what === method) {
      throw new TimeoutError(error.timeoutMs, `${method} of the task at ${this.socketPath}`, { cause: error })
    }
    throw error
  }

  /** Polls beyond the limit of one connection use a further one, which closes when it has none. */
  async #poll<M extends MethodName>(
    method: M,
    params: MethodParams<M> | undefined,
    options: WaitOptions,
    waitMs: number,
  ): Promise<MethodResult<M>> {
    if (this.#polls >= MAX_POLLS) {
      this.#further ??= new SupervisorConnection(this.socketPath, this.#binding)
      return this.#further.#poll(method, params, options, waitMs)
    }
    this.#polls += 1
    let lingersMs = 0
    try {
      return await this.#send(method, params, options)
    } catch (error) {
      // The supervisor is not notified of an abort, and holds the poll until its `waitMs` is over.
      if (options.signal?.aborted) lingersMs = waitMs
      throw error
    } finally {
      if (lingersMs === 0) this.#pollEnded()
      else setTimeout(() => this.#pollEnded(), lingersMs).unref()
    }
  }

  #pollEnded(): void {
    this.#polls -= 1
    if (this.#observer !== undefined || this.#polls > 0) return
    const closeIfIdle = () => {
      if (this.#polls === 0) this.#disconnect()
    }
    setTimeout(closeIfIdle, FURTHER_IDLE_MS).unref()
  }

  /** The attempt is shared by all callers, so neither the deadline nor the abort of one ends it. */
  async #connect(): Promise<RpcPeer> {
    this.#abandoned = new AbortController()
    try {
      return this.#adopt(await this.#reach({ signal: this.#abandoned.signal, timeoutMs: DEFAULT_TIMEOUT_MS }))
    } finally {
      this.#connecting = undefined
    }
  }

  /** The socket changes its name at the end of the launch: if neither name exists, it was renamed between the two attempts. */
  async #reach(options: WaitOptions): Promise<Socket> {
    if (this.#launchSocketPath !== undefined) {
      for (const path of [this.socketPath, this.#launchSocketPath]) {
        const socket = await connectSocket(path, options).catch(undefinedIfGone)
        if (socket !== undefined) return socket
      }
    }
    return connectSocket(this.socketPath, options)
  }

  #adopt(socket: Socket): RpcPeer {
    let tellClosed = () => {}
    this.#closed = new Promise((resolve) => {
      tellClosed = resolve
    })
    const peer = new RpcPeer(socket, {
      onNotification: (name, params) => this.#observer?.notified(name, params),
      onClose: (error) => {
        debug(() => `disconnected from ${this.socketPath}: ${error?.message ?? 'by the caller'}`)
        tellClosed()
        if (this.#peer !== peer) return
        this.#peer = undefined
        this.#observer?.lost()
      },
    })
    this.#peer = peer
    debug(() => `connected to ${this.socketPath}`)
    this.#binding.greet(peer, () => peer.close(this.#binding.replaced()))
    this.#observer?.opened()
    return peer
  }
}

function undefinedIfGone(error: unknown): undefined {
  if (!isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')) throw error
}

/** Returns the value if it fits its schema. @throws ProtocolError that names `what` and the first misfit. */
export function checked<S extends v.GenericSchema>(schema: S, received: unknown, what: string): v.InferOutput<S> {
  const { value, invalid } = validate(schema, received)
  if (invalid === undefined) return value
  throw new ProtocolError(`the supervisor's ${what}: ${describeInvalid(invalid)}`)
}

/** A custom supervisor's info may have other keys and lack some: it must only be a map. */
function checkedResult<M extends MethodName>(method: M, result: unknown): MethodResult<M> {
  if (method !== 'getInfo') return checked(resultSchemas[method], result, `result of ${method}`) as MethodResult<M>
  if (isPlainObject(result)) return result as MethodResult<M>
  throw new ProtocolError("the supervisor's result of getInfo is no map")
}

function waitMsOf(params: object | undefined): number {
  return params !== undefined && 'waitMs' in params && typeof params.waitMs === 'number' ? params.waitMs : 0
}
