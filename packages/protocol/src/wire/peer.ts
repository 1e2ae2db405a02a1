import type { Socket } from 'node:net'
import { type BgTaskError, ProtocolError, TaskGoneError, UnsupportedError, WouldBlockError } from '../errors.js'
import { parseOptions } from '../options.js'
import { type PendingCall, PendingCalls } from './calls.js'
import { decode } from './codec.js'
import { armDeadline, type WaitOptions, waitOptionsSchema } from './deadline.js'
import { fromAnsweredError, toWireError } from './errors.js'
import { MESSAGE_LIMITS, type MessageLimits } from './limits.js'
import { encodeNotification, encodeRequest, encodeResponse, type Message, parseMessage } from './message.js'
import { Outbox } from './outbox.js'
import { MessageScanner } from './scanner.js'

/** What a connection may hold at a time. */
export interface PeerLimits extends MessageLimits {
  /** Requests of the other side that are being answered; above it, no more are read until one is. */
  readonly maxRequestsInFlight: number
  /** Bytes that wait to be sent; above it no more requests are read and notifications are dropped. */
  readonly pauseQueuedBytes: number
  /** Bytes that wait to be sent; a reply that goes above it ends the connection, a call is refused. */
  readonly maxQueuedBytes: number
}

/** 64 requests, 1 MiB and 16 MiB: a slow or hostile reader costs no more than that. */
export const PEER_LIMITS: PeerLimits = {
  ...MESSAGE_LIMITS,
  maxRequestsInFlight: 64,
  pauseQueuedBytes: 1024 * 1024,
  maxQueuedBytes: 16 * 1024 * 1024,
}

/** What a peer does with what the other side sends. Without `onRequest` every method is unsupported. */
export interface PeerOptions {
  /**
   * Answers a request; what it throws becomes the error of the response. A result that is no promise is sent at once, an
   * EncodedResult as it is. Decoded, 1.0 is as good as 1: `hasWholeFloats` says that the request held one.
   */
  onRequest?(method: string, params: unknown[], peer: RpcPeer, hasWholeFloats: boolean): unknown
  onNotification?(method: string, params: unknown[], peer: RpcPeer): void
  /** All that waited has been handed to the kernel: what was dropped before would be taken now. */
  onDrain?(peer: RpcPeer): void
  /** Called when much is held for the other side: see `heldBytes`. */
  onHeld?(peer: RpcPeer): void
  /** Called once. No error where this side closed without one. */
  onClose?(error: BgTaskError | undefined): void
  limits?: Partial<PeerLimits>
}

/** So little may be held for each of very many peers. */
const LITTLE_BYTES = 32 * 1024

/** Before it disconnects, a peer sends the reason as this notification; its parameter is a wire error. */
const ERROR_NOTIFICATION = 'error'

/**
 * One end of a MessagePack-RPC connection; both ends may call. Messages are bounded both ways, and a side that breaks a
 * bound or the grammar gets the reason and is disconnected.
 *
 * The socket is unref'd while nothing of ours is pending, so an idle connection does not keep the program alive.
 */
export class RpcPeer {
  readonly #socket: Socket
  readonly #options: PeerOptions
  readonly #limits: PeerLimits
  readonly #scanner: MessageScanner
  readonly #outbox: Outbox
  readonly #calls = new PendingCalls()
  #refs = 0
  #requestsInFlight = 0
  #handling = false
  #paused = false
  #closed = false
  #closeError: BgTaskError | undefined

  constructor(socket: Socket, options: PeerOptions = {}) {
    this.#socket = socket
    this.#options = options
    this.#limits = { ...PEER_LIMITS, ...options.limits }
    this.#scanner = new MessageScanner(this.#limits)
    this.#outbox = new Outbox(socket)
    socket.unref()
    socket.on('data', (chunk: Buffer) => {
      this.#scanner.push(chunk)
      this.#handleMessages()
    })
    socket.on('drain', () => {
      this.#handleMessages()
      this.#options.onDrain?.(this)
    })
    socket.on('end', () => this.close(new TaskGoneError()))
    socket.on('error', (cause) => this.close(new TaskGoneError(undefined, { cause })))
    socket.on('close', () => this.close(new TaskGoneError()))
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Bytes that wait to be sent. */
  get queuedBytes(): number {
    return this.#outbox.queuedBytes
  }

  /** Bytes held for the other side: of a message that is not complete or must wait, and of what waits to be sent. */
  get heldBytes(): number {
    return this.#scanner.pendingBytes + this.queuedBytes
  }

  /** Whether the other side waits for an answer. */
  get isAnswering(): boolean {
    return this.#requestsInFlight > 0
  }

  /**
   * Calls a method and resolves with its result. Replies may come in any order; one that comes after the deadline is dropped.
   *
   * @throws the remote error, TimeoutError, the signal's reason, TaskGoneError when the connection ends, WouldBlockError where too
   * much waits to be sent, InvalidOptionError for options that are wrong and parameters that cannot be sent.
   */
  call(method: string, params: unknown[] = [], options: WaitOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { signal, timeoutMs } = parseOptions(waitOptionsSchema, options)
      if (signal?.aborted) throw signal.reason
      if (this.#closed) throw this.#closeError ?? new TaskGoneError()
      const id = this.#calls.nextId()
      const bytes = encodeRequest(id, method, params, this.#limits)
      if (this.queuedBytes + bytes.length > this.#limits.maxQueuedBytes) throw new WouldBlockError(`calling ${method}`)
      const disarm =
        signal == null && timeoutMs === undefined
          ? undefined
          : armDeadline({ signal, timeoutMs }, method, (reason) => this.#settle(id)?.reject(reason))
      this.#calls.add(id, { resolve, reject, disarm })
      this.ref()
      this.#outbox.send(bytes)
    })
  }

  /** Sends a notification; false where it was dropped, because the connection is closed or too much waits to be sent. */
  notify(method: string, params: unknown[] = []): boolean {
    if (this.#closed || this.queuedBytes > this.#limits.pauseQueuedBytes) return false
    this.#outbox.send(encodeNotification(method, params, this.#limits))
    this.#noteHeld()
    return true
  }

  /**
   * Ends the connection at once: calls that are pending reject with the error, and what the kernel has not taken yet is
   * dropped. Calling it again does nothing.
   */
  close(error?: BgTaskError): void {
    if (this.#closed) return
    this.#closed = true
    this.#closeError = error
    this.#outbox.uncork()
    this.#socket.destroy()
    for (const id of this.#calls.ids()) this.#settle(id)?.reject(error ?? new TaskGoneError())
    this.#options.onClose?.(error)
  }

  /** Sends the reason, as far as the kernel takes it at once, and closes. */
  disconnect(error: BgTaskError): void {
    if (this.#closed) return
    this.#outbox.send(encodeNotification(ERROR_NOTIFICATION, [toWireError(error)], MESSAGE_LIMITS))
    this.close(error)
  }

  /** Keeps the program alive until `unref` was called as often. */
  ref(): void {
    if (this.#refs++ === 0) this.#socket.ref()
  }

  unref(): void {
    if (--this.#refs === 0) this.#socket.unref()
  }

  #settle(id: number): PendingCall | undefined {
    const call = this.#calls.take(id)
    if (call !== undefined) this.unref()
    return call
  }

  /**
   * Handles what has been received, as long as the other side may have more of its requests answered. The rest waits in
   * the scanner and in the kernel until a request was answered or the queue has drained.
   */
  #handleMessages(): void {
    // A handler that answers or closes at once gets here in the middle of this.
    if (this.#handling || this.#closed) return
    this.#handling = true
    this.#outbox.cork()
    let problem: BgTaskError | undefined
    try {
      while (!this.#closed && !this.#mustPause()) {
        const message = this.#scanner.next()
        if (message === undefined) break
        this.#handle(parseMessage(decode(message)), this.#scanner.heldWholeFloat)
      }
    } catch (error) {
      problem = error as ProtocolError
    }
    this.#handling = false
    if (problem !== undefined) this.disconnect(problem)
    this.#outbox.uncork()
    this.#pauseSocket(this.#mustPause())
    this.#noteHeld()
  }

  #noteHeld(): void {
    if (!this.#closed && !this.#handling && this.heldBytes > LITTLE_BYTES) this.#options.onHeld?.(this)
  }

  /** Only who serves pauses for its queue: two sides that both waited for the other to read would wait for ever. */
  #mustPause(): boolean {
    if (this.#requestsInFlight >= this.#limits.maxRequestsInFlight) return true
    return this.#options.onRequest !== undefined && this.queuedBytes > this.#limits.pauseQueuedBytes
  }

  #pauseSocket(paused: boolean): void {
    if (paused === this.#paused) return
    this.#paused = paused
    if (paused) this.#socket.pause()
    else this.#socket.resume()
  }

  #handle(message: Message, hasWholeFloats: boolean): void {
    if (message.kind === 'request') this.#answer(message.id, message.method, message.params, hasWholeFloats)
    else if (message.kind === 'response') this.#receive(message.id, message.error, message.result)
    else this.#notice(message.method, message.params)
  }

  #answer(id: number, method: string, params: unknown[], hasWholeFloats: boolean): void {
    let result: unknown
    try {
      if (this.#options.onRequest === undefined) throw new UnsupportedError(method)
      result = this.#options.onRequest(method, params, this, hasWholeFloats)
    } catch (error) {
      this.#respond(id, toWireError(error), null)
      return
    }
    if (!isThenable(result)) {
      this.#respond(id, null, result)
      return
    }
    this.#requestsInFlight++
    result.then(
      (value) => this.#answered(id, null, value),
      (error) => this.#answered(id, toWireError(error), null),
    )
  }

  #answered(id: number, error: unknown, result: unknown): void {
    this.#requestsInFlight--
    this.#respond(id, error, result)
    if (this.#paused) this.#handleMessages()
    else this.#noteHeld()
  }

  #respond(id: number, error: unknown, result: unknown): void {
    if (this.#closed) return
    const bytes = encodeResponse(id, error, result, this.#limits)
    const queuedBytes = this.queuedBytes + bytes.length
    if (queuedBytes <= this.#limits.maxQueuedBytes) this.#outbox.send(bytes)
    else this.disconnect(new ProtocolError(`the other side does not read: ${queuedBytes} bytes wait to be sent`))
  }

  #receive(id: number, error: unknown, result: unknown): void {
    const call = this.#settle(id)
    if (call === undefined) return
    if (error === null) call.resolve(result)
    else call.reject(fromAnsweredError(error))
  }

  #notice(method: string, params: unknown[]): void {
    if (method === ERROR_NOTIFICATION) {
      this.close(fromAnsweredError(params[0]))
      return
    }
    try {
      this.#options.onNotification?.(method, params, this)
    } catch (error) {
      // A listener's own mistake: uncaught as in any emitter, but not in the middle of our work.
      process.nextTick(() => {
        throw error
      })
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
