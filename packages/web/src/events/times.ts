import type { OutputChunk, Task } from '@bgtask/client'
import { isBgTaskError, type OrderedChunk, type OutputStreamId } from '@bgtask/protocol'

/** Bytes of one stream that were read at one time; `at` (Unix ms) is undefined if no longer known. */
export interface TimedPiece {
  readonly offset: number
  readonly data: Uint8Array
  readonly at?: number
}

/** Chunks per request, the maximum of one reply. */
const MAX_CHUNKS = 4_096

/** Looks up when the bytes of a stream were read, in the supervisor's order of both streams. */
export class Times {
  readonly #task: Task
  readonly #streamId: OutputStreamId
  #known: OrderedChunk[] = []
  #seq: number | undefined
  #supported = true

  constructor(task: Task, streamId: OutputStreamId) {
    this.#task = task
    this.#streamId = streamId
  }

  /** Splits a chunk where its times change. Chunks must be passed in order. */
  async pieces(chunk: OutputChunk, signal: AbortSignal): Promise<TimedPiece[]> {
    const end = chunk.offset + chunk.data.length
    await this.#loadUpTo(end, signal)
    const pieces: TimedPiece[] = []
    let position = chunk.offset
    const cut = (to: number, at?: number) => {
      if (to <= position) return
      pieces.push({ offset: position, data: chunk.data.subarray(position - chunk.offset, to - chunk.offset), at })
      position = to
    }
    for (const [, offset, length, at] of this.#known) {
      cut(Math.min(offset, end))
      cut(Math.min(offset + length, end), at)
      if (position === end) break
    }
    cut(end)
    this.#known = this.#known.filter(([, offset, length]) => offset + length > end)
    return pieces
  }

  async #loadUpTo(end: number, signal: AbortSignal): Promise<void> {
    while (this.#supported && lastEnd(this.#known) < end) {
      const order = await this.#order(signal)
      if (order === undefined || order.chunks.length === 0) return
      this.#seq = order.seq + order.chunks.length
      for (const chunk of order.chunks) if (chunk[0] === this.#streamId) this.#known.push(chunk)
    }
  }

  async #order(signal: AbortSignal) {
    try {
      return await this.#task.output.order({ from: this.#seq, maxChunks: MAX_CHUNKS, signal })
    } catch (error) {
      // A custom supervisor may not record times, and if the supervisor has ended, the bytes already read are still shown.
      if (signal.aborted || !isBgTaskError(error)) throw error
      this.#supported = false
      return undefined
    }
  }
}

function lastEnd(chunks: readonly OrderedChunk[]): number {
  const last = chunks.at(-1)
  return last === undefined ? 0 : last[1] + last[2]
}
