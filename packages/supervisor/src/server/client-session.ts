import type { Socket } from 'node:net'
import { monotonicMs } from '@bgtask/os'
import {
  type BgTaskError,
  InvalidOptionError,
  type MethodName,
  type OutputStreamId,
  paramSchemas,
  type ReadResult,
  TaskGoneError,
  UnsupportedError,
  validate,
} from '@bgtask/protocol'
import { RpcPeer } from '@bgtask/protocol/rpc'
import type { EventHub } from '../events.js'
import { type Caller, type MethodContext, methods } from './methods.js'

/** A follower of an output reads again at once; a client that pauses for longer (ms) is not a follower. */
const FOLLOWER_PAUSE_MS = 250

/** One client's connection: its calls, its subscription, and whether it still follows an output. */
export class ClientSession implements Caller {
  readonly #context: MethodContext
  readonly #peer: RpcPeer
  readonly #closed = new AbortController()
  readonly #behind = new Set<OutputStreamId>()
  #heardAt = Number.NEGATIVE_INFINITY
  #readAt = 0
  #stopListening: (() => void) | undefined
  #missed = 0
  #refusal: TaskGoneError | undefined

  /**
   * @param onHeld called when much memory is held for the client.
   * @param onClose called once, when the connection has ended for any reason.
   */
  constructor(
    socket: Socket,
    context: MethodContext,
    { onHeld, onClose }: { onHeld: () => void; onClose: (session: ClientSession, error?: Error) => void },
  ) {
    this.#context = context
    this.#peer = new RpcPeer(socket, {
      onRequest: (method, params, _, hasWholeFloats) => this.#call(method, params, hasWholeFloats),
      onDrain: () => this.#reportMissed(),
      onHeld,
      onClose: (error) => {
        this.#stopListening?.()
        this.#closed.abort()
        onClose(this, error)
      },
    })
  }

  /** Aborts when the connection closes, and long polls with it. */
  get signal(): AbortSignal {
    return this.#closed.signal
  }

  /** The client follows an output and has not read its end. */
  get isBehind(): boolean {
    return this.#behind.size > 0 && monotonicMs() - this.#readAt < FOLLOWER_PAUSE_MS
  }

  get queuedBytes(): number {
    return this.#peer.queuedBytes
  }

  /** Bytes held for the client. */
  get heldBytes(): number {
    return this.#peer.heldBytes
  }

  /** Time (`monotonicMs`) of the last call. */
  get heardAt(): number {
    return this.#heardAt
  }

  /** The client waits for no reply and no event. */
  get isIdle(): boolean {
    return !this.#peer.isAnswering && this.#peer.queuedBytes === 0 && this.#stopListening === undefined
  }

  close(): void {
    this.#peer.close()
  }

  disconnect(error: BgTaskError): void {
    this.#peer.disconnect(error)
  }

  /**
   * The client addresses an earlier task with this pid: it is disconnected, and all its requests, including those already
   * sent, are refused.
   *
   * @returns the error to answer with.
   */
  refuse(taskId: string): TaskGoneError {
    const message = `task ${taskId} is gone: its pid is another task's now`
    this.#refusal = new TaskGoneError(undefined, { taskId, message })
    // Requests that arrived together are handled and answered in one turn.
    queueMicrotask(() => this.close())
    return this.#refusal
  }

  noteRead(streamId: OutputStreamId, result: ReadResult): ReadResult {
    this.#readAt = monotonicMs()
    if (result.eof) this.#behind.delete(streamId)
    else this.#behind.add(streamId)
    return result
  }

  /** Sends events from now on. Events that do not fit into a slow subscriber's queue are dropped; their number is sent. */
  subscribe(events: EventHub): void {
    this.#stopListening ??= events.listen((name, payload) => {
      this.#reportMissed()
      if (this.#missed > 0 || !this.#peer.notify(name, [payload])) this.#missed += 1
    })
  }

  /** Sent as soon as there is room: the dropped event may have been the last one. */
  #reportMissed(): void {
    if (this.#missed > 0 && this.#peer.notify('missed', [{ count: this.#missed }])) this.#missed = 0
  }

  #call(method: string, params: unknown[], hasWholeFloats: boolean): unknown {
    this.#heardAt = monotonicMs()
    if (this.#refusal !== undefined) throw this.#refusal
    if (!Object.hasOwn(paramSchemas, method)) throw new UnsupportedError(method)
    const name = method as MethodName
    if (params.length > 1) throw new InvalidOptionError(method, `${params.length} parameters`, 'takes one map')
    // Only meta may contain any JSON.
    if (hasWholeFloats && name !== 'applyMeta') throw new InvalidOptionError(method, 'a float', 'takes integers')
    const { value, invalid } = validate(paramSchemas[name], params[0])
    if (invalid !== undefined) {
      throw new InvalidOptionError(
        invalid.path === '' ? method : `${method}.${invalid.path}`,
        invalid.got,
        invalid.problem,
      )
    }
    // The type of the table ties each handler to its schema; the compiler cannot derive it from the name.
    return methods[name](this.#context, value as never, this)
  }
}
