import type { ReadableStream } from 'node:stream/web'
import {
  isBgTaskError,
  type OptionsOf,
  type OutputInfo,
  type OutputStreamId,
  paramSchemas,
  parseOptions,
  type ReadResult,
  taskInfoSchema,
} from '@bgtask/protocol'
import { type WaitOptions, waitOptionsSchema } from '@bgtask/protocol/rpc'
import * as v from 'valibot'
import type { SpoolPlace } from '../spool/spool-place.js'
import { checked } from '../supervisor-connection.js'
import type { TaskCalls } from '../task-calls.js'
import type { OutputLine } from '../text/line-splitter.js'
import type { OutputMatch } from '../text/matcher.js'
import type { Followed, OutputChunk, OutputGap } from './chunks.js'
import { type FollowOptions, follow } from './follow.js'
import { type LinesOptions, lines } from './lines.js'
import { OutputFollower } from './output-follower.js'
import { type ReadableOptions, readable } from './readable.js'
import { type WaitForOptions, waitFor } from './wait-for.js'

const { from, maxBytes, waitMs, discard } = paramSchemas.readStream.entries
const readOptionsSchema = v.strictObject({
  ...waitOptionsSchema.entries,
  /** Byte offset to read at; the default is the oldest kept byte. */
  from,
  /** The most bytes to return; default 64 KiB, and never more than 512 KiB. */
  maxBytes,
  /** If there is no byte yet, wait this long (ms, at most 60,000) for one, or for the end. */
  waitMs,
  /** Discard the returned bytes and all before them. */
  discard,
})
export type ReadOptions = OptionsOf<typeof readOptionsSchema>

/**
 * The child's stdout or stderr: its last bytes, at offsets that never change, for any number of readers.
 * Reading removes nothing; only `discard` and the task's `maxReadBufSize` do.
 */
export class TaskOutput {
  readonly id: OutputStreamId
  readonly name: 'stdout' | 'stderr'
  readonly #calls: TaskCalls
  readonly #followed: Followed

  /** @param place where the task's files are, if it is known. */
  constructor(calls: TaskCalls, id: OutputStreamId, place: () => SpoolPlace | undefined = () => undefined) {
    this.#calls = calls
    this.id = id
    this.name = id === 1 ? 'stdout' : 'stderr'
    this.#followed = {
      reader: () => new OutputFollower(calls, id, place()),
      discard: (upTo, signal) => this.discard(upTo, { signal }),
      isBlocked: async (signal) => (await this.info({ signal })).blocked,
    }
  }

  /** Offsets of the kept bytes, whether more can come, and the last read error. */
  async info(options?: WaitOptions): Promise<OutputInfo> {
    const info = await this.#calls.call('getInfo', undefined, options)
    return checked(
      taskInfoSchema.entries.streams.entries[this.id],
      info.streams?.[this.id],
      `streams.${this.id} of getInfo`,
    )
  }

  /**
   * Reads existing bytes. The result's `offset` is past `from` if bytes in between are no longer kept; `eof` means that no
   * byte can follow the data.
   */
  async read(options: ReadOptions = {}): Promise<ReadResult> {
    const { discard, signal, timeoutMs, ...params } = parseOptions(readOptionsSchema, options)
    const result = await this.#read(params, { signal, timeoutMs })
    if (discard) await this.#discardRead(result)
    return result
  }

  /** Discards the bytes before `upTo`, or all so far. Resolves with the offsets of the bytes that are kept then. */
  async discard(upTo?: number, options?: WaitOptions): Promise<{ firstOffset: number; endOffset: number }> {
    const { firstOffset, endOffset } = await this.#calls.call('discardStream', { streamId: this.id, upTo }, options)
    return { firstOffset, endOffset }
  }

  /**
   * Chunks in order, from `from` to the end of the output, as they are written. A gap names bytes that are no longer kept.
   * Ends with the output, not with the child: a grandchild may continue to write, and a restart adds to it.
   *
   * @throws TaskGoneError if the supervisor exits before the output has ended.
   */
  follow(options: FollowOptions = {}): AsyncGenerator<OutputChunk | OutputGap, void, undefined> {
    return follow(this.#followed, options)
  }

  /** Lines in order, read as `follow` reads chunks. Characters and lines that chunks split are joined. */
  lines(options: LinesOptions = {}): AsyncGenerator<OutputLine | OutputGap, void, undefined> {
    return lines(this.#followed, options)
  }

  /**
   * Waits for text, which may have been written before the call. Resolves with undefined if the output ends first.
   * A RegExp is applied to the bytes so far: let it end in something definite (`/port (\d+)\n/`); `^` and `$` match at the
   * edges of these bytes.
   *
   * @throws OutputGapError if bytes that may have matched are no longer kept; TimeoutError after `timeoutMs`.
   */
  waitFor(pattern: RegExp | string, options: WaitForOptions = {}): Promise<OutputMatch | undefined> {
    return waitFor(this.#followed, this.name, pattern, options)
  }

  /** A web stream of the bytes from `from` to the end. */
  readable(options: ReadableOptions = {}): ReadableStream<Uint8Array> {
    return readable(this.#followed, this.name, options)
  }

  /** Keeps no byte from now on; those that are kept stay. */
  async close(options?: WaitOptions): Promise<void> {
    await this.#calls.call('closeStream', { streamId: this.id }, options)
  }

  /** On the wire, `discard` names the bytes before `from`. */
  #read(params: Omit<ReadOptions, keyof WaitOptions>, options: WaitOptions): Promise<ReadResult> {
    return this.#calls.call('readStream', { ...params, streamId: this.id }, options)
  }

  /** The bytes were received: neither an exit of the supervisor nor the caller's abort may lose them. */
  async #discardRead({ offset, data }: ReadResult): Promise<void> {
    try {
      await this.discard(offset + data.length)
    } catch (error) {
      if (isBgTaskError(error, 'ERR_BGTASK_UNSUPPORTED')) throw error
    }
  }
}
