import { type OptionsOf, parseOptions } from '@bgtask/protocol'
import * as v from 'valibot'
import { windowBytesSchema } from '../call-options.js'
import { LONG_POLL_MS } from '../long-poll.js'
import { LineSplitter, type OutputLine } from '../text/line-splitter.js'
import { chunks, type Followed, type OutputGap } from './chunks.js'
import { followOptionsSchema } from './follow.js'

/** A longer line is cut into pieces: one line takes at most 1 MiB of the reader's memory. */
const DEFAULT_MAX_LINE_BYTES = 1024 * 1024

/** Time (ms) without more of an unfinished line, after which a poll checks whether the child is blocked by its bytes. */
const QUIET_MS = 500

export const linesOptionsSchema = v.strictObject({
  ...followOptionsSchema.entries,
  /** A longer line is cut into pieces of at most so many bytes; default 1 MiB. */
  maxLineBytes: v.optional(windowBytesSchema, DEFAULT_MAX_LINE_BYTES),
})
export type LinesOptions = OptionsOf<typeof linesOptionsSchema>

/** A stream's lines. A gap cuts the line before it; the next line begins with the first kept byte. */
export async function* lines(
  stream: Followed,
  options: LinesOptions,
): AsyncGenerator<OutputLine | OutputGap, void, undefined> {
  const { from, discard = false, signal, live = true, maxLineBytes } = parseOptions(linesOptionsSchema, options)
  const splitter = new LineSplitter(maxLineBytes)
  let position = 0
  const discardTo = discard ? () => position : undefined
  // Only new bytes can fill the buffer: one check for each chunk is enough.
  let asked = false
  const waitMs = () => (!live ? 0 : discard && splitter.holds && !asked ? QUIET_MS : LONG_POLL_MS)
  for await (const chunk of chunks(stream, { from, signal, live, waitMs, discardTo })) {
    if (chunk === undefined) {
      if (discard && splitter.holds && !asked && (await stream.isBlocked(signal))) position = splitter.endOffset
      asked = true
    } else if (chunk.gap) {
      yield* splitter.end()
      yield chunk
    } else {
      yield* splitter.push(chunk.offset, chunk.data)
      position = splitter.offset
      asked = false
    }
  }
  yield* splitter.end()
}
