import { MAX_READ_BYTES, ProtocolError, type ReadResult } from '@bgtask/protocol'
import { LONG_POLL_MS, PollPace } from '../long-poll.js'

/** Consecutive bytes of a stream. */
export interface OutputChunk {
  readonly gap?: never
  /** Offset of `data`, in bytes from the first that the task wrote. */
  readonly offset: number
  readonly data: Buffer
}

/** Bytes that are no longer kept: `from` up to, not including, `to`. */
export interface OutputGap {
  readonly gap: true
  readonly from: number
  readonly to: number
}

/** A poll for bytes at `from`, by default the oldest kept byte; with `discard`, bytes before it are discarded first. */
export interface Poll {
  readonly from: number | undefined
  readonly maxBytes: number
  readonly waitMs: number
  readonly discard: boolean
  readonly signal: AbortSignal
}

/** Reads a stream for one follower. */
export interface StreamReader {
  read(poll: Poll): Promise<ReadResult>
  close(): void
}

/** What `follow` needs of a stream. */
export interface Followed {
  reader(): StreamReader
  /** Discards the bytes before `upTo`. */
  discard(upTo: number, signal: AbortSignal): Promise<unknown>
  /** Whether the child is blocked until bytes are discarded. */
  isBlocked(signal: AbortSignal | null | undefined): Promise<boolean>
}

export interface ChunksOptions {
  readonly from?: number
  readonly signal?: AbortSignal | null
  /** False: end with the bytes that exist at the call. */
  readonly live?: boolean
  /** How long the next poll waits (ms). A poll without a result yields undefined. */
  readonly waitMs?: () => number
  /** The consumer has finished with the bytes before this offset: they are discarded with its next request. */
  readonly discardTo?: () => number
}

/**
 * A stream's bytes from an offset to its end, at the consumer's pace. A loop of long polls: kept bytes are returned at once, and
 * a poll waits only if there are none.
 */
export async function* chunks(
  stream: Followed,
  { from, signal, live = true, waitMs = () => (live ? LONG_POLL_MS : 0), discardTo }: ChunksOptions,
): AsyncGenerator<OutputChunk | OutputGap | undefined, void, undefined> {
  const left = new AbortController()
  const ended = signal == null ? left.signal : AbortSignal.any([signal, left.signal])
  const pace = new PollPace('readStream')
  let position = from
  let until: number | undefined
  let discarded = 0
  let ahead: Promise<ReadResult> | undefined
  const reader = stream.reader()
  const read = (waitMs: number, discard = false) =>
    reader.read({ from: position, maxBytes: MAX_READ_BYTES, waitMs, discard, signal: ended })
  /** Usually the consumer has finished with all bytes, and one call discards and reads. */
  const discardAndRead = async (pollMs: number, upTo: number) => {
    discarded = upTo
    if (upTo === position) return read(pollMs, true)
    const [result] = await Promise.all([read(pollMs), stream.discard(upTo, ended)])
    return result
  }
  try {
    for (;;) {
      const polled = performance.now()
      const pollMs = waitMs()
      const upTo = discardTo?.() ?? 0
      const result = await (upTo > discarded ? discardAndRead(pollMs, upTo) : (ahead ?? read(pollMs)))
      const { offset, data, eof, endOffset } = result
      ahead = undefined
      position ??= offset
      if (offset < position && data.length > 0)
        throw new ProtocolError(`readStream at ${position} returned bytes at ${offset}`)
      if (offset > position) yield { gap: true, from: position, to: offset }
      position = Math.max(position, offset) + data.length
      until ??= live ? Number.POSITIVE_INFINITY : endOffset
      const over = eof || position >= until
      // The next chunk, if there is one, is fetched while the consumer works on this one. Not with `discard`: one call
      // that discards and reads costs less, and returns more at once.
      if (!over && endOffset > position && discardTo === undefined) ahead = quietly(read(pollMs))
      if (data.length > 0) yield { offset, data }
      if (over) break
      if (data.length > 0) continue
      pace.cameBackEmpty(polled, pollMs)
      yield undefined
    }
    if (discardTo !== undefined && discardTo() > discarded) await stream.discard(discardTo(), ended)
  } finally {
    left.abort()
    reader.close()
  }
}

/** It may reject before it is awaited; a later await still gets the error. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
