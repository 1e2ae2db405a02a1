import { MAX_READ_BYTES, type OutputStreamId } from '@bgtask/protocol'
import type { Connection } from '../connection.js'
import { LONG_POLL_MS } from '../long-poll.js'
import { type MergedChunk, type MergedGap, type MergedPosition, merge } from './merge.js'

export interface MergedFollowOptions {
  /** The `next` of what was seen last; the oldest known chunk where left out. */
  readonly from?: MergedPosition
  /** Ends the following: what waits rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Both outputs in the order in which the supervisor read them. That is not always the order of writing: they are two pipes. */
export class MergedOutput {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /**
   * Chunks of both streams, with the time at which each was read, until both ended. Bytes that are no longer kept, and
   * bytes whose order is no longer known, are told as a gap of their stream; the latter `stdout` and `stderr` still have.
   *
   * @throws UnsupportedError where the supervisor does not note the order.
   */
  follow({ from, signal }: MergedFollowOptions = {}): AsyncGenerator<MergedChunk | MergedGap, void, undefined> {
    const connection = this.#connection
    return merge(
      {
        order: (seq) => connection.call('readOrder', { from: seq, waitMs: LONG_POLL_MS }, { signal }),
        read: (streamId: OutputStreamId, offset: number, length: number) =>
          connection.call(
            'readStream',
            { streamId, from: offset, maxBytes: Math.min(length, MAX_READ_BYTES) },
            { signal },
          ),
      },
      from,
    )
  }
}
