import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { MAX_READ_BYTES, type OutputInfo, type OutputStreamId, type Overflow, type ReadResult } from '@bgtask/protocol'
import { Condition, pollUntil } from './condition.js'
import { Mirror } from './mirror.js'
import { OffsetBuffer } from './offset-buffer.js'
import { openSource, READ_BYTES, type Source } from './source.js'
import { OutputSpool } from './spool/output-spool.js'
import type { Segments } from './spool/segments.js'

/** The most that a pipe can hold on Linux unless raised; a drain stops there, since a grandchild may write for ever. */
const MAX_DRAIN_BYTES = 1024 * 1024

const EMPTY = Buffer.alloc(0)

export interface OutputOptions {
  readonly streamId: OutputStreamId
  readonly capacity: number
  readonly overflow: Overflow
  /** It will be kept in files as well, by `spoolTo`. */
  readonly isSpooled: boolean
  /** Offset of its first byte. */
  readonly startOffset: number
  /** After a chunk was kept. */
  onChunk(streamId: OutputStreamId, offset: number, length: number): void
  /** Every writer of the current run has closed its end. */
  onEnd(streamId: OutputStreamId): void
  onError(streamId: OutputStreamId, error: Error): void
}

/** One output stream of the task: the pipe of the current run, and the kept bytes of all runs. */
export class OutputStream {
  readonly #options: OutputOptions
  readonly #buffer: OffsetBuffer
  readonly #changed = new Condition()
  #source: Source | undefined
  #mirror: Mirror | undefined
  /** Undefined if the output is kept in memory alone. */
  #spool: OutputSpool | undefined
  #isOrderBehind: () => boolean = () => false
  #runOffset = 0
  #error: string | null = null
  #eof = false
  #keeping = true
  /** Bytes that were read when no more were kept: their offsets are after those of the buffer. */
  #dropped = 0
  /**
   * With `block` and a full buffer one more byte is read, and counted once there is room: otherwise the end of an output
   * that fills its buffer exactly would never be noticed.
   */
  readonly #pocket = new Uint8Array(1)
  #pocketFull = false

  constructor(options: OutputOptions) {
    this.#options = options
    // With `block` no byte is dropped: a read is made only if there is room. What is not in files yet stays.
    const isBounded = options.overflow === 'discard' && !options.isSpooled
    this.#buffer = new OffsetBuffer(isBounded ? options.capacity : Number.POSITIVE_INFINITY, options.startOffset)
    this.#runOffset = options.startOffset
  }

  get streamId(): OutputStreamId {
    return this.#options.streamId
  }

  /** One past the newest byte that clients may hear of. */
  get endOffset(): number {
    return this.#spool?.visibleOffset ?? this.readOffset
  }

  /** One past the newest byte that was read. */
  get readOffset(): number {
    return this.#buffer.endOffset + this.#dropped
  }

  /** The files of the output, if it has any. */
  get spool(): OutputSpool | undefined {
    return this.#spool
  }

  /** If no byte is kept, this is the end. */
  get #firstOffset(): number {
    if (this.#spool !== undefined) return this.#spool.firstOffset ?? this.endOffset
    const { firstOffset, endOffset } = this.#buffer
    return firstOffset < endOffset ? firstOffset : this.endOffset
  }

  get eof(): boolean {
    return this.#eof
  }

  /** The present run's writers are all gone, or there is no run, and clients may hear of all that came. */
  get ended(): boolean {
    return this.#source === undefined && this.endOffset === this.readOffset
  }

  /** Keeps it in files as well, from now on. */
  spoolTo(files: Segments, isOrderBehind: () => boolean): void {
    const { capacity, overflow } = this.#options
    this.#isOrderBehind = isOrderBehind
    this.#spool = new OutputSpool(files, this.#buffer, capacity, overflow === 'block')
  }

  /** What was read before `end` is in files, as far as it can be. */
  publish(end: number): void {
    this.#spool?.publish(end)
    this.#changed.wake()
    this.#resume()
  }

  /**
   * Starts to read the pipe of a new run. The pipe of the last run is read out and closed, so that a leftover
   * writer never mixes in; with `block` even beyond the capacity, since these bytes must not be lost and cannot wait.
   */
  attach(end: number | Socket): void {
    this.#emptyPocket()
    this.#drain(() => true)
    this.#source?.close()
    this.#runOffset = this.readOffset
    this.#eof = false
    const source = openSource(end, this.#readSize(), {
      reserve: (maxBytes) => (this.#hasRoom() ? this.#buffer.reserve(maxBytes) : this.#pocket),
      onRead: (room, count) => {
        if (room === this.#pocket) return count === 0 || this.#fillPocket()
        if (this.#keeping) this.#buffer.commit(room, count)
        this.#mirror?.push(room.subarray(0, count))
        this.#came(count)
        return !this.#mustPause()
      },
      onData: (bytes) => {
        if (this.#keeping) this.#buffer.append(bytes)
        this.#mirror?.push(bytes)
        this.#came(bytes.length)
        return this.#hasRoom() && !this.#mustPause()
      },
      onEnd: (error) => this.#ended(source, error),
    })
    this.#source = source
  }

  /** Copies all output to a sink: the kept bytes, and all later ones. */
  mirrorTo(sink: Writable): Mirror {
    this.#mirror = new Mirror(sink, () => this.#resume())
    this.#mirror.push(this.#buffer.read(0, Number.POSITIVE_INFINITY).data)
    return this.#mirror
  }

  /** Reads what the pipe holds now, as far as there is room. */
  drain(): void {
    this.#drain(() => {
      // Room in files comes before the source is resumed, and the byte in the pocket was read first.
      if (this.#hasRoom()) this.#emptyPocket()
      return this.#hasRoom()
    })
  }

  /** No byte can follow until a restart: readers get the end. Returns whether that is new. */
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

  /** From now on bytes are read and dropped. The pipe stays open: the child's end is open for reading too, so the child would block. */
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
    if (now.found || request.waitMs === 0) return now.result ?? this.#readFiles(from, maxBytes)
    return pollUntil(this.#changed, () => this.#look(from, maxBytes), request.waitMs, request.signal).then(
      (result) => result ?? this.#readFiles(from, maxBytes),
    )
  }

  discard(upTo = this.endOffset): { firstOffset: number; endOffset: number } {
    if (this.#spool === undefined) this.#buffer.discard(upTo)
    else void this.#spool.discard(upTo).then(() => this.#resume())
    this.#resume()
    return { firstOffset: this.#firstOffset, endOffset: this.endOffset }
  }

  info(): OutputInfo {
    return {
      firstOffset: this.#firstOffset,
      endOffset: this.endOffset,
      runOffset: this.#runOffset,
      // Offsets count from 0, so all bytes before the first kept one were dropped.
      discarded: (this.#spool === undefined ? this.#buffer.firstOffset : this.#firstOffset) + this.#dropped,
      eof: this.#eof,
      blocked: !this.ended && !this.#hasRoom(),
      error: this.#error ?? this.#spool?.error ?? null,
    }
  }

  #drain(goesOn: () => boolean): void {
    for (let drained = 0; drained < MAX_DRAIN_BYTES && goesOn(); ) {
      const count = this.#source?.readNow() ?? 0
      if (count === 0) return
      drained += count
    }
  }

  /** Without a result if it is in files. */
  #look(from: number, maxBytes: number): { found: boolean; result: ReadResult | undefined } {
    const inFiles = this.#spool?.placeInFiles(from)
    if (inFiles !== undefined && maxBytes > 0) return { found: true, result: undefined }
    const { endOffset } = this
    const keptEnd = Math.min(this.#buffer.endOffset, endOffset)
    const start = inFiles ?? Math.max(from, this.#buffer.firstOffset)
    if (start >= keptEnd) return this.#lookAtEnd(endOffset)
    const data = maxBytes === 0 ? EMPTY : this.#buffer.read(start, Math.min(maxBytes, keptEnd - start)).data
    const eof = this.#eof && start + data.length === endOffset
    return { found: true, result: { offset: start, data, eof, endOffset } }
  }

  #lookAtEnd(endOffset: number): { found: boolean; result: ReadResult } {
    return { found: this.#eof, result: { offset: endOffset, data: EMPTY, eof: this.#eof, endOffset } }
  }

  async #readFiles(from: number, maxBytes: number): Promise<ReadResult> {
    for (;;) {
      const offset = this.#spool?.placeInFiles(from)
      const { result } = this.#look(from, maxBytes)
      if (result !== undefined || offset === undefined) return result as ReadResult
      const read = await this.#spool?.files.read(offset, Math.min(maxBytes, this.endOffset - offset))
      const { endOffset } = this
      // Otherwise that file is gone, and what is kept begins later.
      if (read !== undefined)
        return { ...read, eof: this.#eof && read.offset + read.data.length === endOffset, endOffset }
    }
  }

  #came(count: number): void {
    if (!this.#keeping) this.#dropped += count
    this.#options.onChunk(this.#options.streamId, this.readOffset - count, count)
    if (this.#spool === undefined) this.#changed.wake()
  }

  /** Because of what takes the bytes: the terminal, or the disk. */
  #mustPause(): boolean {
    return this.#mirror?.isFull === true || this.#spool?.isBehind === true || this.#isOrderBehind()
  }

  /** Continues to read if there is room, here and on the terminal. */
  #resume(): void {
    if (this.#mustPause()) return
    if (this.#hasRoom()) this.#emptyPocket()
    if (!this.#pocketFull) this.#source?.resume()
  }

  /** Returns false to stop reading: the child blocks until a reader discards. */
  #fillPocket(): boolean {
    this.#pocketFull = true
    // The memory may have been reserved before a discard.
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

  /** With `block` all bytes of a read must fit, so it is never larger than a quarter of the buffer. */
  #readSize(): number {
    if (this.#options.overflow === 'discard') return READ_BYTES
    const room = Math.min(this.#options.capacity, this.#spool?.files.maxBytes ?? Number.POSITIVE_INFINITY)
    return Math.max(1, Math.min(READ_BYTES, Math.floor(room / 4)))
  }

  #hasRoom(): boolean {
    if (this.#options.overflow === 'discard' || !this.#keeping) return true
    if (this.#spool !== undefined) return this.#spool.hasRoom(this.#readSize())
    const kept = this.#buffer.endOffset - this.#buffer.firstOffset
    return this.#options.capacity - kept >= this.#readSize()
  }
}
