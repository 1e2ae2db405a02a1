import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ORDER_ENTRY_BYTES, type SegmentStream, segmentName } from '@bgtask/os'
import type { OrderedChunk } from '@bgtask/protocol'
import { tempDir } from '@bgtask/testkit'
import type { SpoolPlace } from '../../src/spool/spool-place.js'

/** A task's directory, as a supervisor writes it. */
export class SegmentFiles implements SpoolPlace {
  readonly directory = join(tempDir(), 'task.d')

  constructor() {
    mkdirSync(this.directory)
  }

  trusts(uid: number): boolean {
    return uid === process.geteuid?.()
  }

  pathOf(stream: SegmentStream, from: number): string {
    return join(this.directory, segmentName({ stream, from }))
  }

  /** Appends to the segment that begins at `from`, or makes it. */
  append(stream: SegmentStream, from: number, data: Uint8Array | string): void {
    writeFileSync(this.pathOf(stream, from), data, { flag: 'a' })
  }

  appendOrder(from: number, chunks: readonly OrderedChunk[]): void {
    const entries = Buffer.alloc(chunks.length * ORDER_ENTRY_BYTES)
    chunks.forEach((chunk, index) => {
      chunk.forEach((field, place) => {
        entries.writeBigUInt64LE(BigInt(field), index * ORDER_ENTRY_BYTES + place * 8)
      })
    })
    this.append(0, from, entries)
  }

  remove(stream: SegmentStream, from: number): void {
    unlinkSync(this.pathOf(stream, from))
  }
}
