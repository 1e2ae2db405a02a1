import { ORDER_ENTRY_BYTES } from '@bgtask/os'
import type { OrderedChunk, OutputStreamId } from '@bgtask/protocol'

/**
 * The chunks that entries of the order describe, up to the first that cannot be right: after a power failure, entries may be
 * empty, or name bytes that never reached the disk.
 *
 * @param ends how far the bytes of each output reach.
 */
export function soundChunks(entries: Buffer, ends: Readonly<Record<OutputStreamId, number>>): OrderedChunk[] {
  const chunks: OrderedChunk[] = []
  for (let start = 0; start + ORDER_ENTRY_BYTES <= entries.length; start += ORDER_ENTRY_BYTES) {
    const [streamId, offset, length, at] = [0, 8, 16, 24].map((field) => Number(entries.readBigUInt64LE(start + field)))
    if (streamId !== 1 && streamId !== 2) break
    if (offset === undefined || length === undefined || at === undefined) break
    if (length === 0 || offset + length > ends[streamId]) break
    chunks.push([streamId, offset, length, at])
  }
  return chunks
}
