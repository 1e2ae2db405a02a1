/** Unit of allocation: large enough to be rare, small enough that a quiet stream costs little (untouched pages cost nothing). */
const BLOCK_BYTES = 64 * 1024

/** A pipe is filled page by page, so a flood's reads begin at pages of a block. */
export const PAGE_BYTES = 4096

/** A block of memory and the reserved views of it: making a view takes longer than a read of 8 KiB. */
interface Block {
  readonly bytes: Buffer
  /** The last view at each page. */
  readonly views: Uint8Array[]
}

/**
 * The newest bytes of a stream, addressed by offsets that never move: `endOffset` counts every byte that was ever
 * appended, `firstOffset` is the oldest byte still kept. Memory grows only as used and is given back as bytes are dropped.
 */
export class OffsetBuffer {
  readonly capacity: number
  #blocks: Block[] = []
  /** Offset of the first byte of the first block; `firstOffset` may lie within that block. */
  #baseOffset = 0
  #firstOffset = 0
  #endOffset = 0
  /** One emptied block kept for the next append, so that a flood allocates nothing. */
  #spare: Block | undefined
  /** The free rest of the last block, into which a read may be under way. */
  #reserved: Uint8Array | undefined

  /**
   * @param capacity the most bytes that are kept; `Infinity` if the caller bounds them.
   * @param startOffset that of the first byte that will be appended.
   */
  constructor(capacity: number, startOffset = 0) {
    this.capacity = capacity
    this.#baseOffset = startOffset
    this.#firstOffset = startOffset
    this.#endOffset = startOffset
  }

  get firstOffset(): number {
    return this.#firstOffset
  }

  get endOffset(): number {
    return this.#endOffset
  }

  /**
   * Memory for the next read, at most `maxBytes`: `commit` appends what was read without a copy. The reader owns the memory
   * until the next call; other bytes may be appended meanwhile.
   */
  reserve(maxBytes: number): Uint8Array {
    const at = this.#endOffset - this.#baseOffset
    const block = this.#blocks[Math.floor(at / BLOCK_BYTES)] ?? this.#grow()
    const inBlock = at % BLOCK_BYTES
    this.#reserved = reserveIn(block, inBlock, Math.min(maxBytes, BLOCK_BYTES - inBlock))
    return this.#reserved
  }

  /** Appends the first `count` bytes of reserved memory. */
  commit(reserved: Uint8Array, count: number): void {
    if (reserved === this.#reserved) {
      this.#endOffset += count
      this.discard(this.#endOffset - this.capacity)
    } else {
      this.append(reserved.subarray(0, count))
    }
  }

  /** Appends a copy of the bytes, and drops the oldest bytes above the capacity. */
  append(bytes: Uint8Array): void {
    this.#leaveReserved()
    for (let done = 0; done < bytes.length; ) {
      const at = this.#endOffset - this.#baseOffset
      const block = this.#blocks[Math.floor(at / BLOCK_BYTES)] ?? this.#grow()
      const inBlock = at % BLOCK_BYTES
      const count = Math.min(bytes.length - done, BLOCK_BYTES - inBlock)
      block.bytes.set(done === 0 && count === bytes.length ? bytes : bytes.subarray(done, done + count), inBlock)
      this.#endOffset += count
      done += count
      // Inside the loop, so that an append larger than the capacity reuses blocks too.
      this.discard(this.#endOffset - this.capacity)
    }
  }

  /**
   * Bytes from an offset on, at most `maxBytes`. An offset outside the kept bytes is clamped; `offset` is that of
   * `data`. `data` may be a view that the next append overwrites: use it at once.
   */
  read(from: number, maxBytes: number): { offset: number; data: Buffer } {
    const offset = Math.min(Math.max(from, this.#firstOffset), this.#endOffset)
    const parts = this.views(offset, maxBytes)
    return { offset, data: parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts) }
  }

  /** The memory that holds the bytes from a kept offset on, at most `maxBytes`. Later appends leave it as it is until the bytes are dropped. */
  views(offset: number, maxBytes: number): Buffer[] {
    const end = Math.min(offset + maxBytes, this.#endOffset)
    const parts: Buffer[] = []
    for (let at = offset; at < end; ) {
      const inBlock = (at - this.#baseOffset) % BLOCK_BYTES
      const count = Math.min(end - at, BLOCK_BYTES - inBlock)
      const { bytes } = this.#blocks[Math.floor((at - this.#baseOffset) / BLOCK_BYTES)] as Block
      parts.push(bytes.subarray(inBlock, inBlock + count))
      at += count
    }
    return parts
  }

  /** Drops the bytes before `upTo` and returns their number. */
  discard(upTo: number): number {
    const first = Math.min(Math.max(upTo, this.#firstOffset), this.#endOffset)
    const dropped = first - this.#firstOffset
    if (dropped === 0) return 0
    this.#firstOffset = first
    while (this.#blocks.length > 0 && this.#baseOffset + BLOCK_BYTES <= first) {
      this.#spare = this.#blocks.shift()
      this.#baseOffset += BLOCK_BYTES
    }
    return dropped
  }

  /** A read into reserved memory would overwrite what is appended now: it keeps that block, the buffer continues in a copy. */
  #leaveReserved(): void {
    const last = this.#blocks.at(-1)
    if (last !== undefined && last.bytes.buffer === this.#reserved?.buffer) {
      const copy = newBlock()
      copy.bytes.set(last.bytes)
      this.#blocks[this.#blocks.length - 1] = copy
    }
    this.#reserved = undefined
  }

  #grow(): Block {
    const block = this.#spare ?? newBlock()
    this.#spare = undefined
    this.#blocks.push(block)
    return block
  }
}

function newBlock(): Block {
  return { bytes: Buffer.allocUnsafeSlow(BLOCK_BYTES), views: [] }
}

/** Returns the same view again if it begins at a page and has the length of the last view there. */
function reserveIn(block: Block, inBlock: number, length: number): Uint8Array {
  const page = inBlock / PAGE_BYTES
  if (!Number.isInteger(page)) return viewOf(block, inBlock, length)
  const last = block.views[page]
  if (last?.length === length) return last
  const view = viewOf(block, inBlock, length)
  block.views[page] = view
  return view
}

/** Not `subarray`, which is slower. */
function viewOf({ bytes }: Block, inBlock: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, inBlock, length)
}
