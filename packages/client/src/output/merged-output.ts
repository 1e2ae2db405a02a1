import { MAX_READ_BYTES, type OptionsOf, type OrderResult, paramSchemas, parseOptions } from '@bgtask/protocol'
import { waitOptionsSchema } from '@bgtask/protocol/rpc'
import * as v from 'valibot'
import { mergedPositionSchema } from '../call-options.js'
import { LONG_POLL_MS } from '../long-poll.js'
import type { SpoolPlace } from '../spool/spool-place.js'
import type { TaskCalls } from '../task-calls.js'
import { followOptionsSchema } from './follow.js'
import { type MergedChunk, type MergedGap, type MergeSource, merge } from './merge.js'
import { OutputFollower } from './output-follower.js'

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
  readonly #calls: TaskCalls
  readonly #place: () => SpoolPlace | undefined

  /** @param place where the task's files are, if it is known. */
  constructor(calls: TaskCalls, place: () => SpoolPlace | undefined = () => undefined) {
    this.#calls = calls
    this.#place = place
  }

  /**
   * Chunks of both streams, with the time at which each was read, until both ended. Bytes that are no longer kept, and
   * bytes whose order is no longer known, are a gap of their stream; `stdout` and `stderr` still have the latter.
   *
   * @throws UnsupportedError if the supervisor does not note the order.
   */
  async *follow(options: MergedFollowOptions = {}): AsyncGenerator<MergedChunk | MergedGap, void, undefined> {
    const { from, signal, discard, live = true } = parseOptions(mergedFollowOptionsSchema, options)
    const calls = this.#calls
    const left = new AbortController()
    const ended = signal == null ? left.signal : AbortSignal.any([signal, left.signal])
    const place = this.#place()
    const readers = { 1: new OutputFollower(calls, 1, place), 2: new OutputFollower(calls, 2, place) }
    const source: MergeSource = {
      order: (seq) => calls.call('readOrder', { from: seq, waitMs: live ? LONG_POLL_MS : 0 }, { signal }),
      read: (streamId, from, length) => {
        const maxBytes = Math.min(length, MAX_READ_BYTES)
        return readers[streamId].read({ from, maxBytes, waitMs: 0, discard: false, signal: ended })
      },
      discard: (streamId, upTo) => calls.call('discardStream', { streamId, upTo }, { signal }),
    }
    try {
      yield* merge(source, { from, live, discard })
    } finally {
      left.abort()
      for (const reader of Object.values(readers)) reader.close()
    }
  }

  /**
   * Which bytes were read when, without the bytes: chunks `[streamId, offset, length, at]` from number `from` on. The
   * newest bytes that can be read are in the order; the order of older bytes may be lost.
   *
   * @throws UnsupportedError if the supervisor does not note the order.
   */
  async order(options: OrderOptions = {}): Promise<OrderResult> {
    const { signal, timeoutMs, ...params } = parseOptions(orderOptionsSchema, options)
    return this.#calls.call('readOrder', params, { signal, timeoutMs })
  }
}
