import type { OffsetBuffer } from '../offset-buffer.js'
import type { Segments } from './segments.js'

/** Bytes that may wait for the disk before no more are read; less if memory is to hold less. */
const MAX_WAITING_BYTES = 1024 * 1024

/** Bytes of one write at most. */
const MAX_WRITE_BYTES = 4 * 1024 * 1024

/** One output in files: what of it was written, and what clients may hear of. The newest bytes are in memory as well. */
export class OutputSpool {
  readonly files: Segments
  readonly #buffer: OffsetBuffer
  readonly #capacity: number
  readonly #blocks: boolean
  /** The bytes before are in files, as far as they are kept. */
  #writtenOffset = 0
  #visibleOffset = 0
  #discardedOffset = 0
  #error: string | null = null

  /** @param blocks nothing may be dropped but what clients discard. */
  constructor(files: Segments, buffer: OffsetBuffer, capacity: number, blocks: boolean) {
    this.files = files
    this.#buffer = buffer
    this.#capacity = capacity
    this.#blocks = blocks
    this.#writtenOffset = buffer.endOffset
    this.#visibleOffset = buffer.endOffset
  }

  /** Why nothing more is written. */
  get error(): string | null {
    return this.#error
  }

  /** One past the newest byte that clients may hear of. */
  get visibleOffset(): number {
    return this.#visibleOffset
  }

  /** The oldest byte that is kept; undefined if there is none. */
  get firstOffset(): number | undefined {
    const { firstOffset, endOffset } = this.#buffer
    const inMemory = firstOffset < Math.min(endOffset, this.#visibleOffset) ? firstOffset : undefined
    const first = Math.min(this.files.firstOffset ?? Number.POSITIVE_INFINITY, inMemory ?? Number.POSITIVE_INFINITY)
    const kept = Math.max(first, this.#discardedOffset)
    return kept < Math.min(endOffset, this.#visibleOffset) ? kept : undefined
  }

  /** Reading should pause: the disk is slower. */
  get isBehind(): boolean {
    return this.#error === null && this.#waitingBytes >= Math.min(MAX_WAITING_BYTES, this.#capacity)
  }

  /** Whether a read of that size can be kept, if nothing may be dropped. */
  hasRoom(bytes: number): boolean {
    const room = this.#error === null ? this.files.freeBytes : this.#capacity
    return room - this.#waitingBytes >= bytes
  }

  /** Writes what is in memory and not in files. Returns the error after which nothing more is written. */
  async write(): Promise<Error | undefined> {
    const end = this.#buffer.endOffset
    while (this.#error === null && this.#writtenOffset < end) {
      // After a failure older bytes may be gone.
      const from = Math.max(this.#writtenOffset, this.#buffer.firstOffset)
      const written = await this.files.append(from, this.#buffer.views(from, Math.min(MAX_WRITE_BYTES, end - from)))
      this.#writtenOffset = written.end
      if (written.error === undefined) continue
      this.#error = `spool: ${written.error.message}`
      return new Error(this.#error)
    }
    return undefined
  }

  /** Clients may hear of the bytes before `end`. Memory may drop what is in files. */
  publish(end: number): void {
    this.#visibleOffset = end
    this.#trim()
  }

  /** Tries again to write, also what memory alone holds. */
  retry(): void {
    this.#error = null
  }

  async discard(upTo: number): Promise<void> {
    this.#discardedOffset = Math.max(this.#discardedOffset, Math.min(upTo, this.#visibleOffset))
    this.#trim()
    await this.files.discard(this.#discardedOffset)
  }

  /** The offset that a read begins at, if its first byte is in files alone. */
  placeInFiles(from: number): number | undefined {
    const offset = this.files.find(Math.max(from, this.#discardedOffset))
    return offset !== undefined && offset < this.#buffer.firstOffset ? offset : undefined
  }

  get #waitingBytes(): number {
    return this.#buffer.endOffset - Math.max(this.#writtenOffset, this.#buffer.firstOffset)
  }

  #trim(): void {
    const { endOffset } = this.#buffer
    const written = Math.min(this.#writtenOffset, this.#visibleOffset)
    const isBroken = this.#error !== null
    const droppable = isBroken && !this.#blocks ? this.#visibleOffset : written
    this.#buffer.discard(Math.min(endOffset - this.#capacity, droppable))
    // Memory holds nothing older than the files, so that readers of either find the same.
    if (!isBroken) this.#buffer.discard(Math.min(this.files.firstOffset ?? 0, written))
    this.#buffer.discard(Math.min(this.#discardedOffset, isBroken ? this.#visibleOffset : written))
  }
}
