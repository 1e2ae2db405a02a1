import { checkOptions, countSchema, flagSchema, type KnownOptions } from '@bgtask/protocol'
import { chunks, type Followed, type OutputChunk, type OutputGap } from './chunks.js'

export interface FollowOptions {
  /** Byte offset to begin at; the oldest kept byte where left out. */
  readonly from?: number
  /** Frees what the consumer has finished with: a chunk when the next is asked for. A task with `overflow: 'block'` needs it. */
  readonly discard?: boolean
  /** False: end with what is there at the call instead of waiting for more. */
  readonly live?: boolean
  /** Ends the following: what waits rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export const FOLLOW_OPTIONS: KnownOptions<FollowOptions> = {
  from: countSchema,
  discard: flagSchema,
  live: flagSchema,
  signal: true,
}

/** A stream's bytes from an offset to its end. */
export async function* follow(
  stream: Followed,
  options: FollowOptions,
  waitMs?: () => number,
): AsyncGenerator<OutputChunk | OutputGap, void, undefined> {
  const { from, discard = false, signal, live } = checkOptions(options, FOLLOW_OPTIONS)
  let position = 0
  const finished = discard ? () => position : undefined
  for await (const chunk of chunks(stream, { from, signal, live, waitMs, finished })) {
    if (chunk === undefined) continue
    yield chunk
    position = chunk.gap ? chunk.to : chunk.offset + chunk.data.length
  }
}
