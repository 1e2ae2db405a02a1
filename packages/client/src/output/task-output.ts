import type { ReadableStream } from 'node:stream/web'
import {
  isBgTaskError,
  MAX_READ_BYTES,
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
import { checked, type SupervisorConnection } from '../supervisor-connection.js'
import type { OutputLine } from '../text/line-splitter.js'
import type { OutputMatch } from '../text/matcher.js'
import type { Followed, OutputChunk, OutputGap } from './chunks.js'
import { type FollowOptions, follow } from './follow.js'
import { type LinesOptions, lines } from './lines.js'
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
  /** Forget what is returned, and everything before it. */
  discard,
})
export type ReadOptions = OptionsOf<typeof readOptionsSchema>

/**
 * The child's stdout or stderr: the last bytes of it, at offsets that never move, whoever else reads.
 * Reading never forgets; only `discard` does, and the task's `maxReadBufSize`.
 */
export class TaskOutput {
  readonly id: OutputStreamId
  readonly name: 'stdout' | 'stderr'
  readonly #connection: SupervisorConnection
  readonly #followed: Followed

  constructor(connection: SupervisorConnection, id: OutputStreamId) {
    this.#connection = connection
    this.id = id
    this.name = id === 1 ? 'stdout' : 'stderr'
    this.#followed = {
      read: ({ signal, ...poll }) => this.#read({ ...poll, maxBytes: MAX_READ_BYTES }, { signal }),
      discard: (upTo, signal) => this.discard(upTo, { signal }),
      isBlocked: async (signal) => (await this.info({ signal })).blocked,
    }
  }

  /** Offsets of what is kept, whether more can come, and what went wrong. */
  async info(options?: WaitOptions): Promise<OutputInfo> {
    const info = await this.#connection.call('getInfo', undefined, options)
    return checked(
      taskInfoSchema.entries.streams.entries[this.id],
      info.streams?.[this.id],
      `streams.${this.id} of getInfo`,
    )
  }

  /**
   * Reads what is there. `offset` of the result lies past `from` where bytes are no longer kept; `eof` says that the
   * data reaches the end for good.
   */
  async read(options: ReadOptions = {}): Promise<ReadResult> {
    const { discard, signal, timeoutMs, ...params } = parseOptions(readOptionsSchema, options)
    const result = await this.#read(params, { signal, timeoutMs })
    if (discard) await this.#discardRead(result)
    return result
  }

  /** Forgets what lies before `upTo`, or everything so far. Resolves with the offsets of what is kept then. */
  async discard(upTo?: number, options?: WaitOptions): Promise<{ firstOffset: number; endOffset: number }> {
    const { firstOffset, endOffset } = await this.#connection.call(
      'discardStream',
      { streamId: this.id, upTo },
      options,
    )
    return { firstOffset, endOffset }
  }

  /**
   * Chunks in order, from `from` to the end of the output, as they come. Where bytes are no longer kept a gap says which.
   * Ends with the output, not with the child: a grandchild may write on, a restart adds to it.
   *
   * @throws TaskGoneError when the supervisor goes before the output ended.
   */
  follow(options: FollowOptions = {}): AsyncGenerator<OutputChunk | OutputGap, void, undefined> {
    return follow(this.#followed, options)
  }

  /** Lines in order, as `follow` gives chunks. Characters and lines that were split over chunks come out whole. */
  lines(options: LinesOptions = {}): AsyncGenerator<OutputLine | OutputGap, void, undefined> {
    return lines(this.#followed, options)
  }

  /**
   * Waits for text, also for text that was written before the call. Resolves with undefined where the output ends first.
   * A RegExp sees what has come so far: let it end in something definite (`/port (\d+)\n/`), and expect `^` and `$` to hold
   * at the edges of what is searched.
   *
   * @throws OutputGapError where bytes that may have matched are no longer kept; TimeoutError after `timeoutMs`.
   */
  waitFor(pattern: RegExp | string, options: WaitForOptions = {}): Promise<OutputMatch | undefined> {
    return waitFor(this.#followed, this.name, pattern, options)
  }

  /** A web stream of the bytes from `from` to the end. */
  readable(options: ReadableOptions = {}): ReadableStream<Uint8Array> {
    return readable(this.#followed, this.name, options)
  }

  /** Keeps nothing of what comes from now on; what is kept stays. */
  async close(options?: WaitOptions): Promise<void> {
    await this.#connection.call('closeStream', { streamId: this.id }, options)
  }

  /** On the wire `discard` means what lies before `from`. */
  #read(params: Omit<ReadOptions, keyof WaitOptions>, options: WaitOptions): Promise<ReadResult> {
    return this.#connection.call('readStream', { ...params, streamId: this.id }, options)
  }

  /** The bytes are in hand, so a supervisor that goes now must not take them away; the caller's abort neither. */
  async #discardRead({ offset, data }: ReadResult): Promise<void> {
    try {
      await this.discard(offset + data.length)
    } catch (error) {
      if (isBgTaskError(error, 'ERR_BGTASK_UNSUPPORTED')) throw error
    }
  }
}
