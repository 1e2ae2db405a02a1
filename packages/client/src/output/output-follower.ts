import type { OutputStreamId, ReadResult } from '@bgtask/protocol'
import { debug } from '../debug.js'
import type { SegmentReader } from '../spool/segment-reader.js'
import { openSpool, type SpoolDirectory } from '../spool/spool-directory.js'
import type { SpoolPlace } from '../spool/spool-place.js'
import type { TaskCalls } from '../task-calls.js'
import type { Poll, StreamReader } from './chunks.js'

const NOTHING = Buffer.alloc(0)

/**
 * Reads one stream forward: bytes from the task's files if they can be read, so that they cost the supervisor nothing. The
 * supervisor says how far the stream reaches and what it has forgotten, and waits. What the files lack comes from it, too.
 */
export class OutputFollower implements StreamReader {
  readonly #calls: TaskCalls
  readonly #streamId: OutputStreamId
  #spool: SpoolDirectory | undefined
  #reader: SegmentReader | undefined
  /** Up to here bytes are known to be there. */
  #endOffset = 0

  constructor(calls: TaskCalls, streamId: OutputStreamId, place: SpoolPlace | undefined) {
    this.#calls = calls
    this.#streamId = streamId
    this.#open(place)
  }

  async read(poll: Poll): Promise<ReadResult> {
    const { from, discard } = poll
    if (from !== undefined && from < this.#endOffset && !discard) {
      const data = await this.#fromFiles(from, poll.maxBytes)
      return data.length > 0 ? this.#found(from, data) : this.#bySocket({ ...poll, waitMs: 0 })
    }
    if (this.#reader === undefined) return this.#bySocket(poll)
    const kept = await this.#bySocket({ ...poll, maxBytes: 0 })
    if (kept.offset === kept.endOffset) return kept
    const data = await this.#fromFiles(kept.offset, poll.maxBytes)
    if (data.length > 0) return this.#found(kept.offset, data)
    return this.#bySocket({ ...poll, from: kept.offset, waitMs: 0, discard: false })
  }

  close(): void {
    this.#spool?.close()
  }

  #open(place: SpoolPlace | undefined): void {
    try {
      this.#spool = place && openSpool(place)
      this.#reader = this.#spool?.reader(this.#streamId)
    } catch (error) {
      debug(() => `reads over the socket: ${error}`)
    }
  }

  async #bySocket({ signal, ...params }: Poll): Promise<ReadResult> {
    const result = await this.#calls.call('readStream', { ...params, streamId: this.#streamId }, { signal })
    this.#endOffset = result.endOffset
    return result
  }

  /** Empty if the files have nothing at `from`, or can no longer be read. */
  async #fromFiles(from: number, maxBytes: number): Promise<Buffer> {
    const length = Math.min(maxBytes, this.#endOffset - from)
    try {
      const units = await this.#reader?.read(from, length)
      return units?.at === from ? units.data : NOTHING
    } catch (error) {
      debug(() => `goes on over the socket: ${error}`)
      this.#reader = undefined
      return NOTHING
    }
  }

  #found(offset: number, data: Buffer): ReadResult {
    return { offset, data, eof: false, endOffset: this.#endOffset }
  }
}
