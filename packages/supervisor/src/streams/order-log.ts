import type { OrderedChunk, OutputStreamId } from '@bgtask/protocol'

/** Chunks whose order is kept: at most 256 KiB, in typed arrays that are made with the first chunk and doubled as needed. */
const MAX_CHUNKS = 8_192
const FIRST_CHUNKS = 64
const FIELDS = 4

/** How long (ms) the newest chunk may grow before the clock is read again. */
const GROWS_MS = 1

/**
 * The order and time in which chunks of stdout and stderr were read. It is the order of reading, not of writing: the
 * kernel does not report which of two pipes was written first. The newest chunks are kept, numbered from 0.
 */
export class OrderLog {
  readonly #now: () => number
  #ring = new Float64Array(0)
  #firstSeq = 0
  #endSeq = 0
  /** The newest chunk, not in the ring: a flood causes 400,000 reads a second, most of which only extend it. */
  #lastSlot = 0
  #lastStream = 0
  #lastEnd = 0
  #lastAt = 0
  /** It may grow without reading the clock, which for a read of 8 KiB costs more than all the rest. */
  #grows = false
  #growthEnd: NodeJS.Timeout | undefined
  /** Chunks below this number were returned to a reader. */
  #seenSeq = 0

  /** @param now Unix time in ms. @param startSeq number of the first chunk. */
  constructor(now: () => number = Date.now, startSeq = 0) {
    this.#now = now
    this.#firstSeq = startSeq
    this.#endSeq = startSeq
    this.#seenSeq = startSeq
  }

  /** Number of the oldest chunk that is known here. */
  get firstSeq(): number {
    return this.#firstSeq
  }

  get endSeq(): number {
    return this.#endSeq
  }

  /**
   * Notes a chunk. Chunks of one stream that follow each other within about a millisecond become one, unless a reader
   * may have it already.
   */
  add(streamId: OutputStreamId, offset: number, length: number): void {
    const follows = streamId === this.#lastStream && offset === this.#lastEnd && this.#seenSeq < this.#endSeq
    if (!(follows && (this.#grows || this.#isSameMillisecond()))) this.#begin(streamId, offset)
    this.#lastEnd += length
    this.#ring[this.#lastSlot + 2]! += length
  }

  /** The second addition to one chunk, so more will follow. A program that writes seldom needs no timer. */
  #isSameMillisecond(): boolean {
    if (this.#now() !== this.#lastAt) return false
    this.#grows = true
    this.#growthEnd ??= setTimeout(() => {
      this.#grows = false
    }, GROWS_MS).unref()
    this.#growthEnd.refresh()
    return true
  }

  #begin(streamId: OutputStreamId, offset: number): void {
    const capacity = this.#ring.length / FIELDS
    if (this.#endSeq - this.#firstSeq === capacity) {
      if (capacity < MAX_CHUNKS) this.#growTo(Math.max(FIRST_CHUNKS, capacity * 2))
      else this.#firstSeq += 1
    }
    this.#grows = false
    this.#lastAt = this.#now()
    this.#lastSlot = this.#slot(this.#endSeq)
    this.#ring.set([streamId, offset, 0, this.#lastAt], this.#lastSlot)
    this.#lastStream = streamId
    this.#lastEnd = offset
    this.#endSeq += 1
  }

  /** Chunks from number `from` on, at most `maxChunks`; `seq` is the number of the first, later than `from` if older ones are gone. */
  read(from: number, maxChunks: number): { seq: number; chunks: OrderedChunk[] } {
    const seq = Math.min(Math.max(from, this.#firstSeq), this.#endSeq)
    const end = Math.min(this.#endSeq, seq + maxChunks)
    const chunks: OrderedChunk[] = []
    for (let at = seq; at < end; at += 1) {
      const slot = this.#slot(at)
      chunks.push([...this.#ring.subarray(slot, slot + FIELDS)] as OrderedChunk)
    }
    if (end > this.#seenSeq) this.#seenSeq = end
    return { seq, chunks }
  }

  #slot(seq: number): number {
    return (seq % (this.#ring.length / FIELDS)) * FIELDS
  }

  #growTo(chunks: number): void {
    const { seq, chunks: kept } = this.read(this.#firstSeq, MAX_CHUNKS)
    this.#ring = new Float64Array(chunks * FIELDS)
    kept.forEach((chunk, index) => {
      this.#ring.set(chunk, this.#slot(seq + index))
    })
  }
}
