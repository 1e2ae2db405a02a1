import { type OrderResult, type OutputStreamId, ProtocolError, type ReadResult } from '@bgtask/protocol'
import { LONG_POLL_MS, PollPace } from '../long-poll.js'
import type { OutputChunk, OutputGap } from './chunks.js'

/** Position in a merged view. Plain numbers, so it can be stored, or passed to another process. */
export interface MergedPosition {
  /** Number of the next chunk in the order of reading. */
  readonly seq: number
  /** Byte offset up to which stdout was yielded; the oldest kept byte if missing. */
  readonly stdout?: number
  /** Byte offset up to which stderr was yielded. */
  readonly stderr?: number
}

interface Merged {
  readonly stream: 'stdout' | 'stderr'
  /** Pass this as `from` to continue after this item. */
  readonly next: MergedPosition
}

/** Bytes of one stream; `at` is when the supervisor read them, in Unix ms. */
export type MergedChunk = OutputChunk & Merged & { readonly at: number }

/** Bytes of one stream that the view lacks, because they, or their order, are no longer kept. */
export type MergedGap = OutputGap & Merged

/** What `merge` needs of a task. */
export interface MergeSource {
  /** A long poll for the order of chunks from number `seq` on, the oldest known if undefined. */
  order(seq: number | undefined): Promise<OrderResult>
  /** Existing bytes: at most `length`, and as many as fit into one reply. */
  read(streamId: OutputStreamId, offset: number, length: number): Promise<ReadResult>
  /** Discards the bytes before `upTo`. */
  discard(streamId: OutputStreamId, upTo: number): Promise<unknown>
}

/** Yields the bytes of both streams in the order in which the supervisor read them. */
export async function* merge(
  source: MergeSource,
  { from, live = true, discard = false }: { from?: MergedPosition; live?: boolean; discard?: boolean } = {},
): AsyncGenerator<MergedChunk | MergedGap, void, undefined> {
  const pace = new PollPace('readOrder')
  const stdout = new Cursor(source, 1, from?.stdout ?? (await firstKept(source, 1)))
  const stderr = new Cursor(source, 2, from?.stderr ?? (await firstKept(source, 2)))
  let seq = from?.seq ?? 0
  let until: number | undefined
  const told = (stream: Cursor): Merged => ({
    stream: stream === stdout ? 'stdout' : 'stderr',
    next: { seq, stdout: stdout.position, stderr: stderr.position },
  })
  for (let asked = from?.seq; ; asked = seq) {
    // A consumer that requests more has finished with all that was yielded.
    if (discard) await Promise.all([stdout.discard(), stderr.discard()])
    const polled = performance.now()
    const order = await source.order(asked)
    if (order.seq < seq) throw new ProtocolError(`readOrder went back from chunk ${seq} to ${order.seq}`)
    until ??= live ? Number.POSITIVE_INFINITY : order.endSeq
    if (order.chunks.length === 0 && !order.eof && live) pace.cameBackEmpty(polled, LONG_POLL_MS)
    for (const [index, [streamId, offset, length, at]] of order.chunks.entries()) {
      const stream = streamId === 1 ? stdout : stderr
      const end = offset + length
      for await (const piece of stream.upTo(offset, end, lastEnd(order, streamId))) {
        // Counted with its last piece, so that a reader that continues from there gets no byte twice.
        seq = order.seq + index + (stream.position < end ? 0 : 1)
        yield piece.gap ? { ...piece, ...told(stream) } : { ...piece, at, ...told(stream) }
      }
    }
    seq = order.seq + order.chunks.length
    if (order.eof) break
    // Bytes read since then are in an order that was not requested: the rest is not complete.
    if (seq >= until) return
  }
  for (const stream of [stdout, stderr]) {
    const gap = await stream.rest()
    if (gap !== undefined) yield { ...gap, ...told(stream) }
    if (discard) await stream.discard()
  }
}

/** Start of a new view. Bytes that are kept, but whose order is not, are a gap of the view. */
async function firstKept(source: MergeSource, streamId: OutputStreamId): Promise<number> {
  const { offset } = await source.read(streamId, 0, 1)
  return offset
}

/** End of the last chunk of a stream: bytes before it can be fetched at once. */
function lastEnd(order: OrderResult, streamId: OutputStreamId): number {
  const [, offset, length] = order.chunks.findLast((chunk) => chunk[0] === streamId) ?? [streamId, 0, 0]
  return offset + length
}

/** Reads one stream in order, with few calls. */
class Cursor {
  /** One past the last byte yielded. */
  position: number
  /** Fetched bytes from `position` on. */
  #fetched: Buffer = Buffer.alloc(0)
  #discarded = 0
  readonly #source: MergeSource
  readonly #streamId: OutputStreamId

  constructor(source: MergeSource, streamId: OutputStreamId, position: number) {
    this.#source = source
    this.#streamId = streamId
    this.position = position
  }

  /** Yields the bytes before `end`, and the gap before `start`. Bytes exist up to `fetchEnd`. */
  async *upTo(start: number, end: number, fetchEnd: number): AsyncGenerator<OutputChunk | OutputGap, void, undefined> {
    if (this.position < start) yield this.#skipTo(this.position, start)
    while (this.position < end) {
      if (this.#fetched.length === 0) {
        const gap = await this.#fetch(this.position, fetchEnd)
        if (gap !== undefined) yield gap
      } else yield this.#take(this.position, end)
    }
  }

  /** The bytes that were never yielded though the output has ended; undefined if there are none. */
  async rest(): Promise<OutputGap | undefined> {
    const { endOffset } = await this.#source.read(this.#streamId, this.position, 1)
    return endOffset > this.position ? this.#skipTo(this.position, endOffset) : undefined
  }

  /** Discards what was yielded, unless that has been done. */
  async discard(): Promise<void> {
    if (this.position <= this.#discarded) return
    this.#discarded = this.position
    await this.#source.discard(this.#streamId, this.position)
  }

  async #fetch(position: number, end: number): Promise<OutputGap | undefined> {
    const { offset, data } = await this.#source.read(this.#streamId, position, end - position)
    if (offset < position || (offset === position && data.length === 0)) {
      throw new ProtocolError(`readStream returned nothing at ${position}, where readOrder lists bytes`)
    }
    const gap = offset > position ? this.#skipTo(position, offset) : undefined
    this.#fetched = data
    return gap
  }

  #take(position: number, end: number): OutputChunk {
    const data = this.#fetched.subarray(0, end - position)
    this.#fetched = this.#fetched.subarray(data.length)
    this.position = position + data.length
    return { offset: position, data }
  }

  #skipTo(from: number, to: number): OutputGap {
    this.#fetched = this.#fetched.subarray(0, 0)
    this.position = to
    return { gap: true, from, to }
  }
}
