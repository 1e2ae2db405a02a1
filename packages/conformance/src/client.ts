import { connect, type Socket } from 'node:net'
import {
  describeInvalid,
  type EventName,
  type EventPayload,
  type MethodName,
  type MethodParams,
  type MethodResult,
  resultSchemas,
  type TaskInfo,
  validate,
} from '@bgtask/protocol'
import { connectSocket, decode, encode, MessageScanner, RpcPeer } from '@bgtask/protocol/rpc'
import { Trace } from './trace.js'
import { STEP_MS, until, within } from './waiting.js'

/** A client of a task, one connection, that hides nothing. */
export class Client {
  readonly path: string
  /** Events and other notifications so far. */
  readonly heard: [name: string, payload: unknown][] = []
  /** Called at each of them, before anything else can happen. */
  onHeard: (name: string) => void = () => {}
  readonly closed: Promise<void>
  readonly #peer: RpcPeer
  readonly #trace: Trace

  static async connect(path: string, trace = new Trace()): Promise<Client> {
    return new Client(path, await connectSocket(path, { timeoutMs: STEP_MS }), trace)
  }

  private constructor(path: string, socket: Socket, trace: Trace) {
    this.path = path
    this.#trace = trace
    let onClose = () => {}
    this.closed = new Promise((resolve) => {
      onClose = resolve
    })
    this.#peer = new RpcPeer(socket, {
      onNotification: (name, [payload]) => {
        this.heard.push([name, payload])
        this.onHeard(name)
      },
      onClose,
    })
  }

  /** Calls a method; a result that is not as the documents say is an error. */
  call<M extends MethodName>(method: M, params?: MethodParams<M>): Promise<MethodResult<M>> {
    return unlessUnhandled(this.#checkedCall(method, params))
  }

  async #checkedCall<M extends MethodName>(method: M, params?: MethodParams<M>): Promise<MethodResult<M>> {
    const result = await this.callAny(method, params)
    // A supervisor of the core profile need not return every key.
    if (method === 'getInfo') return result as MethodResult<M>
    const { invalid } = validate(resultSchemas[method], result)
    if (invalid !== undefined) throw new Error(`the result of ${method}: ${describeInvalid(invalid)}`)
    return result as MethodResult<M>
  }

  /** Calls whatever there may be, and believes what comes. */
  callAny(method: string, params?: unknown): Promise<unknown> {
    const waitMs = (params as { waitMs?: number } | undefined)?.waitMs ?? 0
    this.#trace.sent(method, params)
    const answer = this.#peer.call(method, params === undefined ? [] : [params], { timeoutMs: STEP_MS + waitMs })
    answer.then(
      (result) => this.#trace.received(result),
      (error) => this.#trace.received(error),
    )
    return unlessUnhandled(answer)
  }

  info(): Promise<TaskInfo> {
    return this.call('getInfo')
  }

  /** The error of a call that must fail. */
  async failure(method: string, params?: unknown): Promise<{ code: string; message: string }> {
    const outcome = await this.callAny(method, params).then(
      (result) => ({ result }),
      (error: Error & { code: string; remoteCode?: string }) => error,
    )
    if (!(outcome instanceof Error)) {
      throw new Error(
        `${method}(${JSON.stringify(params)}) must be an error, and gave ${JSON.stringify(outcome.result)}`,
      )
    }
    if (['ERR_BGTASK_TIMEOUT', 'ERR_BGTASK_TASK_GONE'].includes(outcome.code)) throw outcome
    return { code: outcome.remoteCode ?? outcome.code, message: outcome.message }
  }

  /** Text of an output as soon as it matches. */
  async text(pattern: RegExp, streamId: 1 | 2 = 1): Promise<string> {
    let text = ''
    return until(
      async () => {
        const { data, eof } = await this.call('readStream', {
          streamId,
          from: 0,
          maxBytes: 524_288,
          waitMs: text === '' ? 2_000 : 0,
        })
        text = Buffer.from(data).toString()
        if (pattern.test(text)) return text
        if (eof) throw new Error(`the output ended without ${pattern}: ${JSON.stringify(text.slice(-500))}`)
        return undefined
      },
      () => `${pattern} in the output, which is ${JSON.stringify(text.slice(-500))}`,
    )
  }

  /** A number that the child prints as `name=123`. */
  async number(name: string): Promise<number> {
    const pattern = new RegExp(`\\b${name}=(\\d+)\n`)
    return Number(pattern.exec(await this.text(pattern))?.[1])
  }

  /** All that an output will ever hold and still does. */
  async whole(streamId: 1 | 2 = 1, maxBytes = 524_288): Promise<Buffer> {
    const parts: Uint8Array[] = []
    for (let from = 0; ; ) {
      const { offset, data, eof } = await this.call('readStream', { streamId, from, maxBytes, waitMs: 5_000 })
      parts.push(data)
      from = offset + data.length
      if (eof) return Buffer.concat(parts)
    }
  }

  /** The info once no run lives and none is pending. */
  async ended(): Promise<TaskInfo> {
    return until(async () => {
      const info = await this.info()
      return info.state === 'exited' || info.state === 'failed' ? info : undefined
    }, 'state exited')
  }

  /** The payload of an event, past or to come, that fits. */
  async event<E extends EventName>(
    name: E,
    fits: (payload: EventPayload<E>) => boolean = () => true,
  ): Promise<EventPayload<E>> {
    const found = () => this.heard.find(([heard, payload]) => heard === name && fits(payload as EventPayload<E>))
    const [, payload] = await until(found, () => `the event ${name}; heard ${JSON.stringify(this.heard)}`)
    return payload as EventPayload<E>
  }

  async closedBySupervisor(): Promise<void> {
    await within(this.closed, 'the connection is closed')
  }

  close(): void {
    this.#peer.close()
  }
}

/** A check that has failed no longer waits for what else it began: that must not end the program. */
function unlessUnhandled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/** The keys of an exit status that are the same for every supervisor. */
export function howItEnded(
  status: TaskInfo['exitStatus'],
): { exitCode: number | null; signal: string | null; cause: string } | null {
  return status && { exitCode: status.exitCode, signal: status.signal, cause: status.cause }
}

/** A client that sends whatever bytes it likes. */
export class RawClient {
  readonly socket: Socket
  readonly #scanner = new MessageScanner()
  readonly #closed: Promise<void>
  readonly #trace: Trace
  #onData = () => {}

  constructor(path: string, trace = new Trace()) {
    this.#trace = trace
    this.socket = connect(path)
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk: Buffer) => {
      this.#scanner.push(chunk)
      this.#onData()
    })
    this.#closed = new Promise((resolve) => {
      this.socket.on('close', () => resolve())
    })
  }

  send(...messages: unknown[]): this {
    const bytes = Buffer.concat(messages.map((message) => (Buffer.isBuffer(message) ? message : encode(message))))
    this.#trace.sent('the bytes', bytes.toString('hex'))
    this.socket.write(bytes)
    return this
  }

  /** The next message, as its bytes. @throws for what is not plain MessagePack or exceeds the bounds. */
  async bytes(): Promise<Buffer> {
    const next = new Promise<Buffer>((resolve, reject) => {
      this.#onData = () => {
        try {
          const message = this.#scanner.next()
          if (message === undefined) return
          // What comes later is for the next call.
          this.#onData = () => {}
          resolve(message)
        } catch (error) {
          reject(error)
        }
      }
      this.#onData()
    })
    const closed = this.#closed.then((): never => {
      throw new Error('the connection was closed')
    })
    closed.catch(() => {})
    const bytes = await within(Promise.race([next, closed]), 'a message')
    this.#trace.received(bytes.toString('hex'))
    return bytes
  }

  async message(): Promise<unknown[]> {
    return decode(await this.bytes()) as unknown[]
  }

  async closed(): Promise<void> {
    await within(this.#closed, 'the supervisor disconnects')
  }
}
