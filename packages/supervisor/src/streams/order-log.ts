import type { OrderedChunk, OutputStreamId } from '@bgtask/protocol'

/** Chunks whose order is kept: 256 KiB at most, as typed arrays that are made with the first chunk and grow by doubling. */
const MAX_CHUNKS = 8_192
const FIRST_CHUNKS = 64
const FIELDS = 4

/**
 * The order and time in which chunks of stdout and stderr were read. It is the order of reading, not of writing: the
 * kernel does not tell which of two pipes was written first. The newest chunks are kept, numbered from 0.
 */
export class OrderLog {
  #ring = new Float64Array(0)
  #firstSeq = 0
  #endSeq = 0
  /** Of the newest chunk. */
  #lastSlot = 0
  /** Chunks below this number were handed out. */
  #seenSeq = 0

  get endSeq(): number {
    return this.#endSeq
  }

  /** Notes a chunk. Chunks of one stream that follow each other within the same millisecond become one. */
  add(streamId: OutputStreamId, offset: number, length: number, at: number): void {
    if (this.#extendLast(streamId, offset, length, at)) return
    const capacity = this.#ring.length / FIELDS
    if (this.#endSeq - this.#firstSeq === capacity) {
      if (capacity < MAX_CHUNKS) this.#growTo(Math.max(FIRST_CHUNKS, capacity * 2))
      else this.#firstSeq += 1
    }
    this.#lastSlot = this.#slot(this.#endSeq)
    this.#ring.set([streamId, offset, length, at], this.#lastSlot)
    this.#endSeq += 1
  }

  /** Chunks from number `from` on, at most `maxChunks`; `seq` is the number of the first, later than `from` where those are gone. */
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

  /** A chunk that somebody may have read already must not change: only the last one that nobody saw grows. */
  #extendLast(streamId: OutputStreamId, offset: number, length: number, at: number): boolean {
    if (this.#seenSeq === this.#endSeq) return false
    const ring = this.#ring
    const slot = this.#lastSlot
    const follows = ring[slot + 3] === at && ring[slot] === streamId && ring[slot + 1]! + ring[slot + 2]! === offset
    if (follows) ring[slot + 2]! += length
    return follows
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
