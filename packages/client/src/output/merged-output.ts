import {
  MAX_READ_BYTES,
  type OptionsOf,
  type OrderResult,
  type OutputStreamId,
  paramSchemas,
  parseOptions,
} from '@bgtask/protocol'
import { waitOptionsSchema } from '@bgtask/protocol/rpc'
import * as v from 'valibot'
import { mergedPositionSchema } from '../call-options.js'
import { LONG_POLL_MS } from '../long-poll.js'
import type { SupervisorConnection } from '../supervisor-connection.js'
import { followOptionsSchema } from './follow.js'
import { type MergedChunk, type MergedGap, merge } from './merge.js'

const mergedFollowOptionsSchema = v.strictObject({
  ...followOptionsSchema.entries,
  /** The `next` of the last item; the default is the oldest known chunk. */
  from: v.optional(mergedPositionSchema),
})
export type MergedFollowOptions = OptionsOf<typeof mergedFollowOptionsSchema>

const { from, maxChunks, waitMs } = paramSchemas.readOrder.wrapped.entries
const orderOptionsSchema = v.strictObject({
  ...waitOptionsSchema.entries,
  /** Number of a chunk; the default is the oldest known. */
  from,
  /** The most chunks to return; default 256, and never more than 4,096. */
  maxChunks,
  /** If there is no such chunk yet, wait this long (ms, at most 60,000) for one, or for the end. */
  waitMs,
})
export type OrderOptions = OptionsOf<typeof orderOptionsSchema>

/** Both outputs in the order in which the supervisor read them. The order of writing may differ, since they are two pipes. */
export class MergedOutput {
  readonly #connection: SupervisorConnection

  constructor(connection: SupervisorConnection) {
    this.#connection = connection
  }

  /**
   * Chunks of both streams, with the time at which each was read, until both ended. Bytes that are no longer kept, and
   * bytes whose order is no longer known, are a gap of their stream; `stdout` and `stderr` still have the latter.
   *
   * @throws UnsupportedError if the supervisor does not note the order.
   */
  async *follow(options: MergedFollowOptions = {}): AsyncGenerator<MergedChunk | MergedGap, void, undefined> {
    const { from, signal, discard, live = true } = parseOptions(mergedFollowOptionsSchema, options)
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
        discard: (streamId: OutputStreamId, upTo: number) =>
          connection.call('discardStream', { streamId, upTo }, { signal }),
      },
      { from, live, discard },
    )
  }

  /**
   * Which bytes were read when, without the bytes: chunks `[streamId, offset, length, at]` from number `from` on. The
   * newest bytes that can be read are in the order; the order of older bytes may be lost.
   *
   * @throws UnsupportedError if the supervisor does not note the order.
   */
  async order(options: OrderOptions = {}): Promise<OrderResult> {
    const { signal, timeoutMs, ...params } = parseOptions(orderOptionsSchema, options)
    return this.#connection.call('readOrder', params, { signal, timeoutMs })
  }
}
