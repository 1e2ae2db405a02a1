import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { MAX_READ_BYTES, type OutputInfo, type OutputStreamId, type Overflow, type ReadResult } from '@bgtask/protocol'
import { Condition, pollUntil } from './condition.js'
import { Mirror } from './mirror.js'
import { OffsetBuffer } from './offset-buffer.js'
import { openSource, READ_BYTES, type Source } from './source.js'

/** The most that a pipe can hold on Linux unless raised; a drain stops there, for a grandchild may write on for ever. */
const MAX_DRAIN_BYTES = 1024 * 1024

export interface OutputOptions {
  readonly streamId: OutputStreamId
  readonly capacity: number
  readonly overflow: Overflow
  /** After a chunk was kept. */
  onChunk(streamId: OutputStreamId, offset: number, length: number): void
  /** Every writer of the present run has closed its end. */
  onEnd(streamId: OutputStreamId): void
  onError(streamId: OutputStreamId, error: Error): void
}

/** One output stream of the task: the pipe of the present run, and what is kept of all runs. */
export class OutputStream {
  readonly #options: OutputOptions
  readonly #buffer: OffsetBuffer
  readonly #changed = new Condition()
  #source: Source | undefined
  #mirror: Mirror | undefined
  #runOffset = 0
  #error: string | null = null
  #eof = false
  #keeping = true
  /** Bytes that came when nothing more was kept: they lie behind all that the buffer holds. */
  #dropped = 0
  /**
   * With `block` and a full buffer one byte more is read, and counted once there is room: otherwise the end of an output
   * that fills its buffer exactly would never be seen.
   */
  readonly #pocket = new Uint8Array(1)
  #pocketFull = false

  constructor(options: OutputOptions) {
    this.#options = options
    // With `block` nothing is dropped to make room: there is always enough before a read, or no read.
    this.#buffer = new OffsetBuffer(options.overflow === 'block' ? Number.POSITIVE_INFINITY : options.capacity)
  }

  get endOffset(): number {
    return this.#buffer.endOffset + this.#dropped
  }

  /** Where nothing is kept that is the end. */
  get #firstOffset(): number {
    const { firstOffset, endOffset } = this.#buffer
    return firstOffset < endOffset ? firstOffset : this.endOffset
  }

  get eof(): boolean {
    return this.#eof
  }

  /** The present run's writers are all gone, or there is no run. */
  get ended(): boolean {
    return this.#source === undefined
  }

  /**
   * Starts to read the pipe of a new run. The pipe of the run before is closed: a stale writer never mixes in. What was
   * written there before is taken in, with `block` even beyond the capacity: it must not be lost, and cannot wait.
   */
  attach(end: number | Socket): void {
    this.#emptyPocket()
    this.#drain(() => true)
    this.#source?.close()
    this.#runOffset = this.endOffset
    this.#eof = false
    const source = openSource(end, this.#readSize(), {
      reserve: (maxBytes) => (this.#hasRoom() ? this.#buffer.reserve(maxBytes) : this.#pocket),
      onRead: (room, count) => {
        if (room === this.#pocket) return count === 0 || this.#fillPocket()
        if (this.#keeping) this.#buffer.commit(room, count)
        this.#mirror?.push(room.subarray(0, count))
        this.#came(count)
        return this.#mirror?.isFull !== true
      },
      onData: (bytes) => {
        if (this.#keeping) this.#buffer.append(bytes)
        this.#mirror?.push(bytes)
        this.#came(bytes.length)
        return this.#hasRoom() && this.#mirror?.isFull !== true
      },
      onEnd: (error) => this.#ended(source, error),
    })
    this.#source = source
  }

  /** Writes everything to a sink as well: what is kept, and what comes from now on. */
  mirrorTo(sink: Writable): Mirror {
    this.#mirror = new Mirror(sink, () => this.#resume())
    this.#mirror.push(this.#buffer.read(0, Number.POSITIVE_INFINITY).data)
    return this.#mirror
  }

  /** Reads what the pipe holds now, as far as it may be kept. */
  drain(): void {
    this.#drain(() => this.#hasRoom())
  }

  /** No byte can come until a restart: readers get the end. Returns whether that is new. */
  setEof(eof: boolean): boolean {
    const reached = eof && !this.#eof
    this.#eof = eof
    if (reached) this.#changed.wake()
    return reached
  }

  /** Stops reading for good. */
  detach(): void {
    this.#source?.close()
    this.#source = undefined
  }

  /** From now on bytes are read and dropped. The pipe is not closed: the child's end is open for reading too, so it would block. */
  stopKeeping(): void {
    this.#keeping = false
    this.#resume()
  }

  read(request: {
    from?: number
    maxBytes: number
    waitMs: number
    discard: boolean
    signal: AbortSignal
  }): ReadResult | Promise<ReadResult> {
    const from = request.from ?? this.#firstOffset
    if (request.discard) this.discard(from)
    const maxBytes = Math.min(request.maxBytes, MAX_READ_BYTES)
    const now = this.#look(from, maxBytes)
    if (now.found || request.waitMs === 0) return now.result
    return pollUntil(this.#changed, () => this.#look(from, maxBytes), request.waitMs, request.signal)
  }

  discard(upTo = this.endOffset): { firstOffset: number; endOffset: number } {
    this.#buffer.discard(upTo)
    this.#resume()
    return { firstOffset: this.#firstOffset, endOffset: this.endOffset }
  }

  info(): OutputInfo {
    return {
      firstOffset: this.#firstOffset,
      endOffset: this.endOffset,
      runOffset: this.#runOffset,
      // Offsets count from 0, so whatever is not kept any more was dropped.
      discarded: this.#buffer.firstOffset + this.#dropped,
      eof: this.#eof,
      blocked: !this.ended && !this.#hasRoom(),
      error: this.#error,
    }
  }

  #drain(goesOn: () => boolean): void {
    for (let drained = 0; drained < MAX_DRAIN_BYTES && goesOn(); ) {
      const count = this.#source?.readNow() ?? 0
      if (count === 0) return
      drained += count
    }
  }

  #look(from: number, maxBytes: number): { found: boolean; result: ReadResult } {
    const { endOffset } = this
    const { offset: start, data } = this.#buffer.read(from, maxBytes)
    const offset = data.length === 0 ? endOffset : start
    const eof = this.#eof && offset + data.length === endOffset
    return { found: data.length > 0 || eof, result: { offset, data, eof, endOffset } }
  }

  #came(count: number): void {
    if (!this.#keeping) this.#dropped += count
    this.#options.onChunk(this.#options.streamId, this.endOffset - count, count)
    this.#changed.wake()
  }

  /** Reads on if there is room for what comes, here and on the terminal. */
  #resume(): void {
    if (this.#mirror?.isFull) return
    if (this.#hasRoom()) this.#emptyPocket()
    if (!this.#pocketFull) this.#source?.resume()
  }

  /** Returns false to stop reading: the child waits until a reader discards. */
  #fillPocket(): boolean {
    this.#pocketFull = true
    // The room may have been given before a discard.
    if (this.#hasRoom()) this.#emptyPocket()
    return !this.#pocketFull
  }

  #emptyPocket(): void {
    if (!this.#pocketFull) return
    this.#pocketFull = false
    if (this.#keeping) this.#buffer.append(this.#pocket)
    this.#mirror?.push(this.#pocket)
    this.#came(1)
  }

  #ended(source: Source, error?: Error): void {
    if (this.#source !== source) return
    this.#source = undefined
    if (error !== undefined) {
      this.#error = error.message
      this.#options.onError(this.#options.streamId, error)
    }
    this.#options.onEnd(this.#options.streamId)
  }

  /** With `block` a read must fit whatever it brings, so it is never larger than a quarter of the buffer. */
  #readSize(): number {
    if (this.#options.overflow === 'discard') return READ_BYTES
    return Math.max(1, Math.min(READ_BYTES, Math.floor(this.#options.capacity / 4)))
  }

  #hasRoom(): boolean {
    if (this.#options.overflow === 'discard' || !this.#keeping) return true
    const kept = this.#buffer.endOffset - this.#buffer.firstOffset
    return this.#options.capacity - kept >= this.#readSize()
  }
}
