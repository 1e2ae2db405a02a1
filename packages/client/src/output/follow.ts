import { countSchema, type OptionsOf, parseOptions } from '@bgtask/protocol'
import { signalSchema } from '@bgtask/protocol/rpc'
import * as v from 'valibot'
import { chunks, type Followed, type OutputChunk, type OutputGap } from './chunks.js'

export const followOptionsSchema = v.strictObject({
  /** Byte offset to begin at; the default is the oldest kept byte. */
  from: v.optional(countSchema),
  /** Discards each chunk when the next one is requested. A task with `overflow: 'block'` needs this. */
  discard: v.optional(v.boolean()),
  /** False: end with the bytes that exist at the call instead of waiting for more. */
  live: v.optional(v.boolean()),
  /** Ends the loop: a pending `next` rejects with the signal's reason. */
  signal: v.nullish(signalSchema),
})
export type FollowOptions = OptionsOf<typeof followOptionsSchema>

/** A stream's bytes from an offset to its end. */
export async function* follow(
  stream: Followed,
  options: FollowOptions,
  waitMs?: () => number,
): AsyncGenerator<OutputChunk | OutputGap, void, undefined> {
  const { from, discard = false, signal, live } = parseOptions(followOptionsSchema, options)
  let position = 0
  const discardTo = discard ? () => position : undefined
  for await (const chunk of chunks(stream, { from, signal, live, waitMs, discardTo })) {
    if (chunk === undefined) continue
    yield chunk
    position = chunk.gap ? chunk.to : chunk.offset + chunk.data.length
  }
}
