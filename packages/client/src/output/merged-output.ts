import {
  checkOptions,
  flagSchema,
  type KnownOptions,
  MAX_READ_BYTES,
  mergedPositionSchema,
  type OrderResult,
  type OutputStreamId,
} from '@bgtask/protocol'
import { WAIT_OPTIONS, type WaitOptions } from '@bgtask/protocol/rpc'
import type { Connection } from '../connection.js'
import { LONG_POLL_MS } from '../long-poll.js'
import { type MergedChunk, type MergedGap, type MergedPosition, merge } from './merge.js'

export interface MergedFollowOptions {
  /** The `next` of what was seen last; the oldest known chunk where left out. */
  readonly from?: MergedPosition
  /** Frees what the consumer has finished with, when it asks for more. A task with `overflow: 'block'` needs it. */
  readonly discard?: boolean
  /** False: end with what is there at the call instead of waiting for more. */
  readonly live?: boolean
  /** Ends the following: what waits rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface OrderOptions extends WaitOptions {
  /** Number of a chunk; the oldest known where left out. */
  readonly from?: number
  /** The most chunks to tell of; default 256, and never more than 4,096. */
  readonly maxChunks?: number
  /** Where there is no such chunk yet, wait so long (ms, at most 60,000) for one, or for the end. */
  readonly waitMs?: number
}

const FOLLOW_OPTIONS: KnownOptions<MergedFollowOptions> = {
  from: mergedPositionSchema,
  discard: flagSchema,
  live: flagSchema,
  signal: true,
}
const ORDER_OPTIONS: KnownOptions<OrderOptions> = { ...WAIT_OPTIONS, from: true, maxChunks: true, waitMs: true }

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
  async *follow(options: MergedFollowOptions = {}): AsyncGenerator<MergedChunk | MergedGap, void, undefined> {
    const { from, signal, discard, live = true } = checkOptions(options, FOLLOW_OPTIONS)
    const connection = this.#connection
    yield* merge(
      {
        order: (seq) => connection.call('readOrder', { from: seq, waitMs: live ? LONG_POLL_MS : 0 }, { signal }),
        read: (streamId: OutputStreamId, offset: number, length: number) =>
          connection.call(
            'readStream',
            { streamId, from: offset, maxBytes: Math.min(length, MAX_READ_BYTES) },
            { signal },
          ),
        release: (streamId: OutputStreamId, upTo: number) =>
          connection.call('discardStream', { streamId, upTo }, { signal }),
      },
      { from, live, discard },
    )
  }

  /**
   * Which bytes were read when, without the bytes: chunks `[streamId, offset, length, at]` from number `from` on. A byte
   * that can be read is in the order already; that of older ones may be forgotten.
   *
   * @throws UnsupportedError where the supervisor does not note the order.
   */
  async order(options: OrderOptions = {}): Promise<OrderResult> {
    const { signal, timeoutMs, ...params } = checkOptions(options, ORDER_OPTIONS)
    return this.#connection.call('readOrder', params, { signal, timeoutMs })
  }
}
