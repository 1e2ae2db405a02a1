import { ProtocolError, type ReadResult } from '@bgtask/protocol'
import { LONG_POLL_MS, PollPace } from '../long-poll.js'

/** Bytes of a stream, as they lie there. */
export interface OutputChunk {
  readonly gap?: never
  /** Where `data` begins, in bytes from the task's first. */
  readonly offset: number
  readonly data: Uint8Array
}

/** Bytes that are no longer kept: `from` up to, not including, `to`. */
export interface OutputGap {
  readonly gap: true
  readonly from: number
  readonly to: number
}

/** What following needs of a stream. */
export interface Followed {
  /** A long poll at `from`, the oldest kept byte where undefined. */
  read(from: number | undefined, waitMs: number, signal: AbortSignal): Promise<ReadResult>
  /** Forgets what lies before `upTo`. */
  release(upTo: number, signal?: AbortSignal): Promise<unknown>
}

/**
 * A stream's bytes from an offset to its end, at the pace of who asks: a loop of long polls, so that what happened before
 * counts and nothing is polled in vain. While a chunk is worked on, the next one is fetched if it is there already.
 *
 * @param waitMs how long the next poll waits. One that ends with nothing is told as undefined.
 */
export async function* chunks(
  stream: Followed,
  from: number | undefined,
  signal: AbortSignal | undefined,
  waitMs = () => LONG_POLL_MS,
): AsyncGenerator<OutputChunk | OutputGap | undefined, void, undefined> {
  const left = new AbortController()
  const ended = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal])
  const pace = new PollPace('readStream')
  let position = from
  let ahead: Promise<ReadResult> | undefined
  try {
    for (;;) {
      const polled = performance.now()
      const pollMs = waitMs()
      const { offset, data, eof, endOffset } = await (ahead ?? stream.read(position, pollMs, ended))
      ahead = undefined
      position ??= offset
      if (offset < position && data.length > 0)
        throw new ProtocolError(`readStream at ${position} gave bytes of ${offset}`)
      if (offset > position) yield { gap: true, from: position, to: offset }
      position = Math.max(position, offset) + data.length
      if (!eof && endOffset > position) ahead = quietly(stream.read(position, pollMs, ended))
      if (data.length > 0) yield { offset, data }
      if (eof) return
      if (data.length > 0) continue
      pace.cameBackEmpty(polled, pollMs)
      yield undefined
    }
  } finally {
    left.abort()
  }
}

/** Frees what was read, one call at a time and off the reader's path. */
export class Releaser {
  readonly #stream: Followed
  readonly #signal: AbortSignal | undefined
  #upTo = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(stream: Followed, signal: AbortSignal | undefined) {
    this.#stream = stream
    this.#signal = signal
  }

  /** Begins to forget what lies before `upTo`. Rejects where the call before failed. */
  async to(upTo: number): Promise<void> {
    await this.#last
    if (upTo <= this.#upTo) return
    this.#upTo = upTo
    this.#last = quietly(this.#stream.release(upTo, this.#signal))
  }

  /** Waits until it is forgotten. */
  async done(): Promise<void> {
    await this.#last
  }
}

/** It may fail while nobody waits for it; who does later still gets the error. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
