import { Socket } from 'node:net'
import { type InputInfo, RemoteError, WouldBlockError } from '@bgtask/protocol'
import { closeQuietly } from '../child/pipes.js'
import { Condition } from './condition.js'

/** Accepted bytes that are not yet in the pipe; above this, writers wait. One write may exceed it once. */
const MAX_QUEUED_BYTES = 1024 * 1024

/** Bytes of all waiting writes; above this a write is refused, since each of 1,000 clients may have 64 waiting writes. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024

/**
 * The child's stdin: clients' bytes are queued in bounded memory, in the order of acceptance, and written to the pipe of
 * the current run. Bytes that a run did not read are dropped with it.
 */
export class InputStream {
  readonly #onError: (error: Error) => void
  readonly #changed = new Condition()
  /** The pipe of the current run, until the first write: most tasks never get input, and a socket costs some KB. */
  #fd: number | undefined
  #sink: Socket | undefined
  #closing = false
  #waitingBytes = 0
  #acceptedOffset = 0
  #writtenOffset = 0
  #discarded = 0
  #error: string | null = null

  constructor(onError: (error: Error) => void) {
    this.#onError = onError
  }

  /** Starts a run with the write end of its pipe (or socket), or without stdin. */
  attach(end: number | Socket | undefined): void {
    this.detach()
    this.#closing = false
    this.#error = null
    if (end instanceof Socket) this.#use(end)
    else this.#fd = end
  }

  /** Ends the current run's stdin at once; queued bytes are dropped. */
  detach(): void {
    if (this.#fd !== undefined) closeQuietly(this.#fd)
    this.#fd = undefined
    const sink = this.#sink
    this.#sink = undefined
    sink?.destroy()
    this.#discarded = this.#acceptedOffset - this.#writtenOffset
    this.#changed.wake()
  }

  /**
   * Queues bytes; resolves with the offset after them once they are accepted.
   *
   * @throws RemoteError `STDIN_CLOSED` if the child has no open stdin; WouldBlockError with a full queue and `wait: false`, or
   * if too many bytes wait already.
   */
  async write(data: Uint8Array, wait: boolean, signal: AbortSignal): Promise<number> {
    const sink = this.#sinkWithRoom()
    if (sink !== undefined) return this.#accept(sink, data)
    // A copy: the bytes may be a small part of a received block, all of which they would keep in memory.
    const { byteLength } = data.buffer
    if (!wait || this.#waitingBytes + byteLength > MAX_WAITING_BYTES) throw new WouldBlockError('stdin')
    this.#waitingBytes += byteLength
    try {
      return await this.#acceptLater(data, signal)
    } finally {
      this.#waitingBytes -= byteLength
    }
  }

  async #acceptLater(data: Uint8Array, signal: AbortSignal): Promise<number> {
    for (;;) {
      await this.#changed.wait(undefined, signal)
      if (signal.aborted) throw new RemoteError('STDIN_CLOSED', 'the client that wrote is gone')
      const sink = this.#sinkWithRoom()
      if (sink !== undefined) return this.#accept(sink, data)
    }
  }

  /** @throws RemoteError `STDIN_CLOSED` */
  #sinkWithRoom(): Socket | undefined {
    const sink = this.#open()
    if (sink === undefined || this.#closing) throw new RemoteError('STDIN_CLOSED', this.#closedMessage())
    return sink.writableLength < MAX_QUEUED_BYTES ? sink : undefined
  }

  /** Closes after the queued bytes, or at once. */
  close(immediate: boolean): void {
    this.#closing = true
    if (!this.#isOpen) return
    if (immediate || this.#queuedBytes === 0) this.detach()
    // Writes that wait for room are refused now, not when the child reads again.
    else this.#changed.wake()
  }

  info(): InputInfo {
    return {
      acceptedOffset: this.#acceptedOffset,
      writtenOffset: this.#writtenOffset,
      discarded: this.#discarded,
      closed: !this.#isOpen || this.#closing,
      error: this.#error,
    }
  }

  get #isOpen(): boolean {
    return this.#fd !== undefined || this.#sink !== undefined
  }

  #open(): Socket | undefined {
    if (this.#fd !== undefined) this.#use(new Socket({ fd: this.#fd, readable: false, writable: true }))
    this.#fd = undefined
    return this.#sink
  }

  #use(sink: Socket): void {
    sink.on('error', (error) => {
      if (this.#sink !== sink) return
      this.#error = error.message
      this.#onError(error)
    })
    sink.on('close', () => {
      if (this.#sink === sink) this.detach()
    })
    this.#sink = sink
  }

  /** Not the sink's own count: that is 0 before the last writes are reported, which would then not be counted. */
  get #queuedBytes(): number {
    return this.#acceptedOffset - this.#writtenOffset - this.#discarded
  }

  #accept(sink: Socket, data: Uint8Array): number {
    this.#acceptedOffset += data.length
    const offset = this.#acceptedOffset
    sink.write(data, (error) => {
      if (error != null || this.#sink !== sink) return
      this.#writtenOffset += data.length
      this.#changed.wake()
      // Not `end()`: that shuts a socket down, and this is a pipe, which is closed.
      if (this.#closing && this.#queuedBytes === 0) this.detach()
    })
    return offset
  }

  #closedMessage(): string {
    return this.#error === null ? 'the child has no open stdin' : `the child has no open stdin: ${this.#error}`
  }
}
