import { WritableStream } from 'node:stream/web'
import {
  type InputInfo,
  InvalidOptionError,
  isBgTaskError,
  MAX_WRITE_BYTES,
  type OptionsOf,
  parseOptions,
  StdinClosedError,
  taskInfoSchema,
  WouldBlockError,
} from '@bgtask/protocol'
import { type WaitOptions, waitOptionsSchema, withDeadline } from '@bgtask/protocol/rpc'
import * as v from 'valibot'
import { unlessAborted } from './deadline.js'
import { checked } from './supervisor-connection.js'
import type { PatientTaskCalls } from './task-calls.js'

const writeOptionsSchema = v.strictObject({
  ...waitOptionsSchema.entries,
  /** False: rejects with WouldBlockError if the queue is full. Then the data may have at most 256 KiB. */
  wait: v.optional(v.boolean(), true),
})
export type WriteOptions = OptionsOf<typeof writeOptionsSchema>

const closeOptionsSchema = v.strictObject({
  ...waitOptionsSchema.entries,
  /** Drop what is queued. */
  immediate: v.optional(v.boolean(), false),
})
type CloseOptions = OptionsOf<typeof closeOptionsSchema>

/** The child's stdin. The supervisor queues written data in bounded space and acknowledges it with its offset. */
export class TaskInput {
  readonly id = 0
  readonly name = 'stdin'
  readonly #calls: PatientTaskCalls
  /** Settles when everything written so far has been accepted or has failed. */
  #written: Promise<unknown> = Promise.resolve()
  /** Pending writes that may wait for room. */
  #patientWrites = 0

  constructor(calls: PatientTaskCalls) {
    this.#calls = calls
  }

  /** Returns the offsets of accepted and of written bytes, whether stdin is closed, and the last error. */
  async info(options?: WaitOptions): Promise<InputInfo> {
    const info = await this.#calls.call('getInfo', undefined, options)
    return checked(taskInfoSchema.entries.streams.entries[0], info.streams?.[0], 'streams.0 of getInfo')
  }

  /**
   * Writes after all earlier writes of this object. Resolves with the offset up to which stdin was accepted: the data is in
   * the supervisor's queue then, and reaches the child when it reads. Waits while that queue is full, without a limit unless
   * `timeoutMs` sets one. A write that fails or is aborted may have been accepted in part; see `info()`.
   *
   * @throws StdinClosedError if the child has no open stdin; WouldBlockError with `wait: false` if the queue is full: nothing
   * was accepted. Also if the supervisor already holds 16 MiB of other writes that wait.
   */
  async write(data: string | Uint8Array, options: WriteOptions = {}): Promise<number> {
    const { wait, ...deadline } = parseOptions(writeOptionsSchema, options)
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    if (!(bytes instanceof Uint8Array)) throw new InvalidOptionError('data', data, 'must be a string or a Uint8Array')
    if (!wait && bytes.length > MAX_WRITE_BYTES) {
      throw new InvalidOptionError(
        'wait',
        false,
        `needs data of at most ${MAX_WRITE_BYTES} bytes (it has ${bytes.length})`,
      )
    }
    // In its turn behind a write that may wait, this one would wait too.
    if (!wait && this.#patientWrites > 0) throw new WouldBlockError('stdin')
    if (wait) this.#patientWrites += 1
    try {
      return await this.#inOrder(deadline, 'writing to stdin', (signal) => this.#writePieces(bytes, wait, signal))
    } finally {
      if (wait) this.#patientWrites -= 1
    }
  }

  /** A web stream that writes to stdin. Closing it closes stdin; aborting it closes stdin at once. */
  writable(): WritableStream<string | Uint8Array> {
    return new WritableStream({
      write: async (data, controller) => {
        // An abort calls `abort` only after the current write has ended, which may wait for room for ever.
        // Node has this signal, its types do not.
        const { signal } = controller as unknown as { signal: AbortSignal }
        await this.write(data, { signal })
      },
      close: () => this.close(),
      abort: () => this.close({ immediate: true }),
    })
  }

  /** Closes stdin after all queued data, or immediately (`immediate`), which drops queued data. */
  async close(options: CloseOptions = {}): Promise<void> {
    const { immediate, ...wait } = parseOptions(closeOptionsSchema, options)
    const close = async (signal?: AbortSignal | null) => {
      await this.#calls.call('closeStream', { streamId: 0, immediate }, { ...wait, signal })
    }
    return immediate ? close(wait.signal) : this.#inOrder(wait, 'closing stdin', close)
  }

  /**
   * Replies may come in any order, and a long write is several calls: no other write may come between them. A write that is
   * aborted before its turn is skipped; the next one still waits for those before.
   */
  #inOrder<T>(options: WaitOptions, what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const before = this.#written
    const done = withDeadline(options, what, async (signal) => {
      await unlessAborted(before, signal)
      return work(signal)
    })
    this.#written = Promise.allSettled([before, done])
    return done
  }

  async #writePieces(data: Uint8Array, wait: boolean, signal: AbortSignal): Promise<number> {
    let accepted = 0
    let start = 0
    do {
      const piece = data.subarray(start, start + MAX_WRITE_BYTES)
      const params = { streamId: 0 as const, data: piece, wait }
      const written = this.#calls.callPatiently('writeStream', params, { signal })
      accepted = (await written.catch(throwStdinError)).acceptedOffset
      start += piece.length
    } while (start < data.length)
    return accepted
  }
}

function throwStdinError(error: unknown): never {
  if (!isBgTaskError(error, 'ERR_BGTASK_REMOTE') || error.remoteCode !== 'STDIN_CLOSED') throw error
  throw new StdinClosedError({ message: error.message, cause: error })
}
